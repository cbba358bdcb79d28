"""Monte Carlo tree search for the smallest part of a molecule that keeps its score."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from molgnn.screen.explain.pieces import Part, Skeleton

_EXPLORE = 1.0  # weight of parts that were seldom visited
_LEAST = 0.05  # a child that keeps nothing is visited too, when the others were often enough
_PATIENCE = 3  # parts one after the other that do not keep enough: a smaller one may keep more


@dataclass
class _Node:
    """A part that was visited: its children, how often each was chosen, and their rewards."""

    children: list[Part]
    visits: np.ndarray
    rewards: np.ndarray


@dataclass
class Search:
    """The search in one molecule, as a dialogue: it asks for the shares of parts, in ``ask``, so
    that those of many molecules can be computed at once.

    A state is a connected part, an action takes a peripheral bond or a ring off it (``pieces``).
    A walk goes from the whole molecule down until parts do not keep the score, and at each takes
    the child with the highest Q + c R sqrt(sum of visits) / (1 + visits): R is the share of the
    score that the child keeps, and Q the mean reward of walks through it, how small a part that
    keeps enough they met. Jin et al. 2020, arXiv:2002.03244, section 4.1. The first walk is greedy.
    """

    skeleton: Skeleton
    keep: float
    walks: int
    budget: int
    seed: int = 0
    shares: dict[Part, float] = field(default_factory=dict)

    def ask(self) -> Iterator[list[Part]]:
        """Yields parts whose share is wanted; the answer must be in ``shares`` before the next."""
        nodes: dict[Part, _Node] = {}
        rng = np.random.default_rng(self.seed)
        start = self.skeleton.largest()
        self.shares.setdefault(start, 1.0)
        for _ in range(self.walks):
            part, path, below = start, [], 0
            while below < _PATIENCE and len(self.shares) < self.budget:
                if part not in nodes:
                    children = self.skeleton.less(part)
                    order = rng.permutation(len(children))  # what is equal has no order of its own
                    nodes[part] = _fresh([children[i] for i in order])
                    if new := [child for child in children if child not in self.shares]:
                        yield new
                if not nodes[part].children:
                    break
                choice = self._choose(nodes[part])
                path.append((nodes[part], choice))
                part = nodes[part].children[choice]
                below = 0 if self.shares[part] >= self.keep else below + 1
            reward = self._reward(start, path)
            for node, choice in path:
                node.visits[choice] += 1
                node.rewards[choice] += reward

    def _choose(self, node: _Node) -> int:
        prior = np.array([self.shares[child] for child in node.children])
        prior = prior.clip(_LEAST, 1.0)
        mean = node.rewards / np.maximum(node.visits, 1)
        seldom = prior * math.sqrt(1 + node.visits.sum()) / (1 + node.visits)
        return int(np.argmax(mean + _EXPLORE * seldom))

    def _reward(self, start: Part, path: list) -> float:
        """The share of all atoms that the smallest part which keeps enough goes without."""
        sizes = [len(node.children[choice]) for node, choice in path if self._keeps(node, choice)]
        return 1.0 - min(sizes, default=len(start)) / len(start)

    def _keeps(self, node: _Node, choice: int) -> bool:
        return self.shares[node.children[choice]] >= self.keep

    def best(self) -> Part:
        """The smallest part seen that keeps enough; of those the one that keeps most."""
        enough = (part for part, share in self.shares.items() if share >= self.keep)
        return min(enough, key=lambda part: (len(part), -self.shares[part], sorted(part)))


def _fresh(children: Sequence[Part]) -> _Node:
    return _Node(list(children), np.zeros(len(children), dtype=int), np.zeros(len(children)))


def run_together(searches: Sequence[Search], answer) -> None:
    """Run all to their end: ``answer(pairs)`` gives the shares of (number of search, part)."""
    asking = {number: search.ask() for number, search in enumerate(searches)}
    while asking:
        pairs = []
        for number, questions in list(asking.items()):
            parts = next(questions, None)
            if parts is None:
                del asking[number]
            else:
                pairs += [(number, part) for part in parts]
        if pairs:
            for (number, part), share in zip(pairs, answer(pairs), strict=True):
                searches[number].shares[part] = float(share)
