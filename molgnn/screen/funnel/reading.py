"""How the parts of a recipe are read: strictly, and each by itself."""

from collections.abc import Mapping
from itertools import pairwise

from molgnn.chem.alerts import CATALOGS, USER, pattern
from molgnn.chem.properties import PROPERTIES, RULE_SETS
from molgnn.errors import Refusal
from molgnn.screen.funnel.parts import (
    DESIRABILITY,
    DOWN,
    PARETO,
    POOL,
    SUM,
    TARGET,
    UP,
    Actives,
    Alerts,
    Clusters,
    Diversity,
    Novelty,
    Objective,
    Objectives,
    Pool,
    Properties,
)
from molgnn.screen.funnel.plain import Section, mapping


def pool(data: object, where: str) -> Pool:
    """A number alone is the size."""
    section = Section({"size": data} if type(data) is int else data, where, _keys(Pool))
    bounds = [section.number(key) for key in ("at_least", "at_most")]
    return Pool(section.count("size", POOL), *bounds)


def objectives(data: object, where: str) -> Objectives:
    section = Section(data, where, _keys(Objectives))
    combine = section.text("combine", (SUM, DESIRABILITY, PARETO))
    if combine is None:
        raise Refusal(f"{where}: combine is missing: {SUM}, {DESIRABILITY} or {PARETO}")
    found = tuple(
        _objective(name, each, f"{where}: of: {name}", combine)
        for name, each in mapping(section.data.get("of") or {}, f"{where}: of").items()
    )
    if not found:
        raise Refusal(f"{where}: of: name at least one objective")
    if combine == SUM and len({each.low is None for each in found}) > 1:
        raise Refusal(
            f"{where}: of: a sum of values with low and high (0 to 1) and of others, which count "
            "in their own units: give all of them low and high, or none"
        )
    if "ranks" in section and combine != PARETO:
        raise Refusal(f"{where}: ranks: only combine: {PARETO} has ranks")
    return Objectives(combine, found, section.count("ranks"))


def _objective(name: str, data: object, where: str, combine: str) -> Objective:
    section = Section({} if data is None else data, where, _keys(Objective)[1:])
    aim = section.text("aim", (UP, DOWN, TARGET))
    if aim is None:
        raise Refusal(f"{where}: aim is missing: {UP}, {DOWN} or {TARGET}")
    numbers = {key: section.number(key) for key in ("low", "high", "target", "at_least", "at_most")}
    made = Objective(
        name,
        aim,
        section.text("model"),
        section.text("column"),
        section.number("weight", 1.0, 1e-9, 1e9),
        shape=section.number("shape", 1.0, 1e-3, 1e3),
        **numbers,
    )
    _check_shape(made, where, combine)
    return made


def _check_shape(of: Objective, where: str, combine: str) -> None:
    given = [of.low is not None, of.high is not None]
    if of.aim == TARGET and of.target is None:
        raise Refusal(f"{where}: target is missing: the best value")
    if of.aim != TARGET and of.target is not None:
        raise Refusal(f"{where}: target: only aim: {TARGET} has one")
    if None not in (of.at_least, of.at_most) and of.at_least > of.at_most:
        raise Refusal(f"{where}: at_least {of.at_least:g} > at_most {of.at_most:g}: nothing is")
    needed = combine == DESIRABILITY or any(given) or (of.aim == TARGET and combine == SUM)
    if needed and not all(given):
        raise Refusal(f"{where}: low and high are missing: where desirability begins and ends")
    if all(given):
        middle = [of.target] if of.aim == TARGET else []
        ends = [of.low, *middle, of.high]
        if any(a >= b for a, b in pairwise(ends)):
            raise Refusal(f"{where}: {' < '.join(['low', *['target'] * len(middle), 'high'])}?")


def properties(data: object, where: str) -> Properties:
    section = Section(data, where, ["sets", *PROPERTIES])
    given = section.data.get("sets")
    if isinstance(given, Mapping):
        sets = Section(given, f"{where}: sets", RULE_SETS)
        allowed = {name: sets.count(name, RULE_SETS[name].allowed, 0) for name in sets.data}
    else:
        allowed = {name: RULE_SETS[name].allowed for name in section.names("sets", RULE_SETS)}
    ranges = {name: section.interval(name) for name in section.data if name != "sets"}
    return Properties(ranges, allowed)


def alerts(data: object, where: str) -> Alerts:
    section = Section(data, where, _keys(Alerts))
    known = [*CATALOGS, USER]
    drop, flag = section.names("drop", known), section.names("flag", known)
    for name in drop:
        if name in flag:
            raise Refusal(f"{where}: {name} is both to drop and to flag: choose one")
    smarts = section.texts("smarts")
    check_smarts(smarts, f"{where}: smarts")
    if bool(smarts) != (USER in (*drop, *flag)):
        raise Refusal(
            f"{where}: smarts: your own are the catalog {USER!r}: name it in drop or flag"
        )
    return Alerts(drop, flag, smarts)


def cores(data: object, where: str) -> dict[str, str]:
    found = Section({"cores": data}, where, ["cores"]).texts("cores")
    check_smarts(found, where)
    return found


def check_smarts(found: Mapping[str, str], where: str) -> None:
    for name, smarts in found.items():
        if pattern(smarts) is None:
            raise Refusal(f"{where}: {name}: {smarts!r} is not a SMARTS that RDKit reads")


def novelty(data: object, where: str) -> Novelty:
    section = Section(data, where, _keys(Novelty))
    if "at_most" not in section:
        raise Refusal(f"{where}: at_most is missing: the largest similarity that is still novel")
    actives = (
        _actives(section.data["actives"], f"{where}: actives") if "actives" in section else None
    )
    made = Novelty(
        section.number("at_most", None, 0, 1),
        actives,
        section.flag("training"),
        section.text("file"),
    )
    if not (made.actives or made.training or made.file):
        raise Refusal(f"{where}: novel to whom? give actives, training: true or file")
    return made


def _actives(data: object, where: str) -> Actives | None:
    """``true`` stands for those of a binary task, ``false`` for none."""
    if type(data) is bool:
        return Actives() if data else None
    section = Section(data, where, _keys(Actives))
    numbers = [section.number(key) for key in ("at_least", "at_most")]
    best = section.number("best", None, 0, 1)
    if sum(value is not None for value in (*numbers, best)) > 1:
        raise Refusal(f"{where}: one of at_least, at_most and best")
    return Actives(section.text("task"), *numbers, best)


def diversity(data: object, where: str) -> Diversity:
    section = Section(data, where, _keys(Diversity))
    found = None
    if "clusters" in section:
        own = Section(section.data["clusters"], f"{where}: clusters", _keys(Clusters))
        if "similarity" not in own:
            raise Refusal(f"{own.where}: similarity is missing")
        found = Clusters(own.number("similarity", None, 0.05, 1), own.count("most"))
    return Diversity(found, section.count("scaffold"), section.count("maxmin"))


def _keys(part: type) -> list[str]:
    return list(part.__dataclass_fields__)
