"""The style sheet of the report: light, dark and print, system fonts, no network."""

CSS = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #16202b; --soft: #5a6775; --line: #dfe4ea;
  --accent: #0b6e7f; --bar: #b9c6d2; --code: #f1f4f7; --warn: #8a4b08;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  .structure { background: #eef1f4 !important; }
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
.others { display: grid; grid-template-columns: minmax(5.5em, 1fr) fit-content(58%);
  gap: 1px 12px; margin: 0;
  font-size: 0.825rem; }
.others dt { color: var(--soft); overflow-wrap: anywhere; }
.others dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.stacked { display: block; }
.stacked dd { text-align: left; margin: 0 0 4px; }
.smiles { display: block; font: 0.78rem/1.5 var(--mono); background: var(--code);
  border-radius: 6px; padding: 6px 9px; word-break: break-all; max-height: 6.2em; overflow: auto;
  user-select: all; -webkit-user-select: all; cursor: copy; }
.smiles:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.known { font: 0.78rem/1.5 var(--mono); color: var(--soft); word-break: break-all; }
.flags { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 6px; margin: 0; padding: 0; }
.flag { font-size: 0.775rem; color: var(--soft); border: 1px solid var(--line);
  border-radius: 9px; padding: 0 8px; overflow-wrap: anywhere; }
.flag.outside, .flag.alerts { color: var(--warn); border-color: var(--warn); font-weight: 600; }
.interval, .full { font-size: 0.825rem; color: var(--soft); }
.interval b { color: var(--ink); font-weight: 600; }
.where { color: var(--soft); font-size: 0.775rem; overflow-wrap: anywhere; margin-top: auto; }
.facts th { width: 11em; color: var(--soft); font-weight: 500; }
.facts tr:first-child > * { border-top: 0; }
.facts.panel { border-collapse: separate; border-spacing: 0; padding: 8px 20px; }
.hash { font-family: var(--mono); font-size: 0.78rem; word-break: break-all; }
.warn { color: var(--warn); }
.title { display: flex; gap: 10px; align-items: baseline; justify-content: space-between; }
.pick { flex: none; display: inline-flex; gap: 4px; align-items: center; font-size: 0.775rem;
  color: var(--soft); cursor: pointer; }
.hit-card.picked { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.hit-card { scroll-margin-top: 76px; content-visibility: auto; contain-intrinsic-size: auto 480px; }
.hit-card:target { outline: 3px solid var(--accent); outline-offset: 2px; }
.plain .why, .plain .full { display: none; }
.raises, .lowers { padding: 0 4px; border-radius: 4px; color: #16202b; }
.raises { background: rgb(239, 138, 98); }
.lowers { background: rgb(103, 169, 207); }
html:not(.scripted) .scripted-only, [hidden] { display: none !important; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 12px; padding: 6px 12px; background: var(--card); z-index: 3; }
.tools { padding: 14px 18px; margin: 16px 0 10px; display: grid; gap: 12px; }
.fields { display: flex; flex-wrap: wrap; gap: 10px 14px; align-items: end; }
.fields label { display: grid; gap: 3px; font-size: 0.775rem; color: var(--soft); }
.fields .grow { flex: 1 1 220px; }
.fields .box { display: inline-flex; align-items: center; gap: 6px; font-size: 0.875rem;
  color: var(--ink); }
.fields button { margin-left: auto; }
.tools input:not([type=checkbox]), .tools select, .tools button, .bar button { font: inherit;
  font-size: 0.875rem; color: var(--ink); background: var(--code); border: 1px solid var(--line);
  border-radius: 7px; padding: 5px 9px; min-width: 0; }
.tools input[type=number] { width: 7.5em; }
.tools select { max-width: 15em; }
.tools button, .bar button { cursor: pointer; }
.tools button:hover, .bar button:hover { border-color: var(--accent); }
input[type=checkbox] { accent-color: var(--accent); margin: 0; }
kbd { font: 0.7rem/1 var(--mono); border: 1px solid var(--line); border-radius: 4px;
  padding: 0 4px; justify-self: start; display: inline-block; }
.bar { position: sticky; top: 8px; z-index: 2; padding: 9px 18px; margin: 0 0 16px; display: flex;
  flex-wrap: wrap; gap: 8px 18px; align-items: center; font-size: 0.875rem; }
.bar p { margin: 0; }
.bar #status { font-weight: 600; margin-right: auto; }
.bar #done { color: var(--soft); }
.bar #done:not(:empty) { flex-basis: 100%; }
.acts { display: inline-flex; flex-wrap: wrap; gap: 6px; align-items: center; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.map { display: block; width: 100%; height: auto; }
.map circle, .legend i { fill: var(--bar); background: var(--bar); }
.map .s0, .legend .s0 { opacity: 0.35; } .map .s1, .legend .s1 { opacity: 0.6; }
.map .s3, .legend .s3, .map .s4, .legend .s4 { fill: var(--soft); background: var(--soft); }
.map .s3, .legend .s3 { opacity: 0.6; }
.map .point circle { fill: var(--accent); stroke: var(--card); stroke-width: 1.2; }
.map .point.outside circle { fill: var(--card); stroke: var(--accent); stroke-width: 2; }
.map .point.away { display: none; }
.map .point.picked circle { stroke: var(--ink); stroke-width: 2.2; }
.map .point { outline: none; cursor: pointer; }
.map .point:hover circle, .map .point:focus-visible circle { stroke: var(--ink);
  stroke-width: 2.5; r: 8px; }
.legend { font-size: 0.825rem; color: var(--soft); margin: 10px 0 6px; }
.legend span { margin-left: 14px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; }
.legend i.hit { background: var(--accent); }
.legend i.hit.outside { background: none; border: 2px solid var(--accent); margin-left: 12px; }
.reasons { padding-left: 24px; color: var(--soft); }
.wide summary { cursor: pointer; font-size: 0.875rem; color: var(--soft); }
.funnel .before { fill: var(--line); }
.funnel .after { fill: var(--accent); opacity: 0.8; }
details.card { margin-top: 44px; padding: 12px 20px; }
details.card summary { cursor: pointer; }
details.card h2 { display: inline; margin: 0; }
details.card table { margin: 12px 0; }
.metrics td, .metrics th { padding-right: 0; }
footer { color: var(--soft); font-size: 0.825rem; margin-top: 36px; }
@media (max-width: 760px) {
  .bar { position: static; }
  .hit-card { scroll-margin-top: 8px; }
  main { padding: 24px 16px 40px; }
  h1 { font-size: 1.6rem; }
  .wide { grid-template-columns: minmax(0, 1fr); }
  .facts th { width: 7.5em; }
}
@media print {
  .tools, .bar, .pick, .skip { display: none !important; }
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
  .hit-card { content-visibility: visible; }
  .hit-card.picked { box-shadow: none; }
  .hit-card:target { outline: none; }
  .structure { min-height: 0; padding: 2px; background: #ffffff !important; }
  .smiles { max-height: none; padding: 0; overflow: visible; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
