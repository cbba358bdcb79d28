"""The style sheet of the report: light, dark and print, system fonts, no network."""

CSS = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #16202b; --soft: #5a6775; --line: #dfe4ea;
  --accent: #0b6e7f; --bar: #b9c6d2; --code: #f1f4f7; --warn: #8a4b08;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11161c; --card: #1a2129; --ink: #e6ebf0; --soft: #9aa8b6; --line: #2c3742;
    --accent: #58c4d6; --bar: #45566a; --code: #131920; --warn: #e8b06a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 8px; }
h2 { font-size: 1.2rem; letter-spacing: -0.005em; margin: 44px 0 14px; }
h3 { font-size: 0.95rem; line-height: 1.35; margin: 0; overflow-wrap: anywhere; }
p { margin: 0 0 8px; max-width: 75ch; }
.lead { color: var(--soft); font-size: 1.05rem; overflow-wrap: anywhere; }
.lead b { color: var(--ink); font-weight: 600; }
.note { color: var(--soft); font-size: 0.875rem; }
.over { color: var(--accent); font-size: 0.8rem; font-weight: 650; letter-spacing: 0.08em;
  text-transform: uppercase; margin-bottom: 10px; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr));
  margin: 28px 0 0; overflow: hidden; }
.figures div { padding: 16px 20px; border-left: 1px solid var(--line); margin-left: -1px; }
.figures dt { white-space: nowrap; color: var(--soft); font-size: 0.825rem; }
.figures dd { margin: 2px 0 0; font-size: 1.5rem; font-weight: 600; letter-spacing: -0.01em; }
.wide { display: grid; grid-template-columns: minmax(0, 7fr) minmax(0, 3fr); gap: 18px;
  align-items: start; }
.wide.alone { grid-template-columns: minmax(0, 1fr); }
.wide > .panel { padding: 18px 20px; }
.wide h3 { margin-bottom: 8px; }
.chart { display: block; width: 100%; height: auto; }
.chart text { fill: var(--soft); font-size: 12px; }
.chart .axis { fill: var(--ink); font-size: 12.5px; }
.chart .bars rect { fill: var(--bar); }
.chart .hit rect { fill: var(--accent); }
.chart .grid { stroke: var(--line); }
.chart .base { stroke: var(--soft); }
.chart .cut { stroke: var(--accent); stroke-width: 1.5; stroke-dasharray: 4 3; }
.chart .cut-label { fill: var(--accent); font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
th, td { text-align: left; vertical-align: top; padding: 6px 12px 6px 0;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { border-top: 0; color: var(--soft); font-weight: 500; }
.count { text-align: right; padding-right: 0; white-space: nowrap; padding-left: 12px; }
.cards { list-style: none; display: grid; padding: 0; margin: 0; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(255px, 1fr)); }
.hit-card { display: flex; flex-direction: column; overflow: hidden; }
.structure { background: #ffffff; display: flex; justify-content: center; align-items: center;
  min-height: 200px; padding: 6px; border-bottom: 1px solid var(--line); color: #5a6775;
  font-size: 0.875rem; }
.structure svg { max-width: 100%; height: auto; }
.about { padding: 12px 16px 14px; display: flex; flex-direction: column; gap: 8px; flex: 1; }
.scored { display: flex; align-items: baseline; gap: 10px; }
.rank { color: var(--soft); font-size: 0.875rem; min-width: 1.6em; }
.score { font-size: 1.25rem; font-weight: 650; letter-spacing: -0.01em; }
.spread, .unit { color: var(--soft); font-size: 0.875rem; }
.others { display: grid; grid-template-columns: 1fr auto; gap: 1px 12px; margin: 0;
  font-size: 0.825rem; }
.others dt { color: var(--soft); overflow-wrap: anywhere; }
.others dd { margin: 0; text-align: right; }
.smiles { display: block; font: 0.78rem/1.5 var(--mono); background: var(--code);
  border-radius: 6px; padding: 6px 9px; word-break: break-all; max-height: 6.2em; overflow: auto;
  user-select: all; -webkit-user-select: all; cursor: copy; }
.smiles:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.known { font: 0.78rem/1.5 var(--mono); color: var(--soft); word-break: break-all; }
.flag { font-size: 0.775rem; color: var(--soft); }
.flag.outside { color: var(--warn); font-weight: 600; }
.where { color: var(--soft); font-size: 0.775rem; overflow-wrap: anywhere; margin-top: auto; }
.facts th { width: 11em; color: var(--soft); font-weight: 500; }
.facts tr:first-child > * { border-top: 0; }
.facts.panel { border-collapse: separate; border-spacing: 0; padding: 8px 20px; }
.hash { font-family: var(--mono); font-size: 0.78rem; word-break: break-all; }
.warn { color: var(--warn); }
footer { color: var(--soft); font-size: 0.825rem; margin-top: 36px; }
@media (max-width: 760px) {
  main { padding: 24px 16px 40px; }
  h1 { font-size: 1.6rem; }
  .wide { grid-template-columns: minmax(0, 1fr); }
  .facts th { width: 7.5em; }
}
@media print {
  @page { margin: 14mm; }
  :root { --ground: #ffffff; --card: #ffffff; --ink: #000000; --soft: #444444; --line: #c8c8c8;
    --accent: #0b6e7f; --bar: #c0c8d0; --code: #ffffff; --warn: #7a4205; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0 1px 0 0; }
  .score { font-size: 1.05rem; }
  h2 { break-after: avoid; margin-top: 20pt; }
  .panel, .smiles { border-radius: 4px; }
  .figures, .wide { break-inside: avoid; }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8pt; }
  .hit-card { break-inside: avoid; }
  .structure { min-height: 0; padding: 2px; }
  .smiles { max-height: none; padding: 0; overflow: visible; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
