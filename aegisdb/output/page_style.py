"""The stylesheet of the report's page."""

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --panel: #f6f8fa; --ink: #1f2328; --dim: #59636e; --rule: #d0d7de;
  --ok: #1a7f37; --warn: #8a5a00; --bad: #c62828; --name: #0a5bb8; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --panel: #161b22; --ink: #e6edf3; --dim: #9198a1;
  --rule: #30363d; --ok: #3fb950; --warn: #d29922; --bad: #ff7b72; --name: #79c0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1400px; padding: 20px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 0 0 8px; }
h2 code { font-weight: 400; color: var(--dim); margin-left: 6px; }
h3 { font-size: 15px; margin: 14px 0 4px; }
header p, .p-note { color: var(--dim); margin: 2px 0 12px; overflow-wrap: anywhere; }
code, pre, td, dd { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 13px; }
nav { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; margin: 8px 0 20px; }
nav a { border: 1px solid var(--rule); border-left: 4px solid currentColor; border-radius: 6px; padding: 8px 12px;
  background: var(--panel); text-decoration: none; }
nav b { display: block; color: var(--ink); }
section { border-top: 1px solid var(--rule); padding: 18px 0; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 4px 18px 4px 0; vertical-align: top; border-bottom: 1px solid var(--rule); }
th { font-size: 13px; color: var(--dim); font-weight: 600; }
th.p-right, td.p-right { text-align: right; }
.p-scroll, .p-picture, pre { overflow-x: auto; }
.p-picture { border: 1px solid var(--rule); border-radius: 6px; max-height: 90vh; overflow: auto; }
.p-picture svg { display: block; }
pre { background: var(--panel); border-radius: 6px; padding: 10px 12px; margin: 6px 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 6px 0; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
.p-ok { color: var(--ok); } .p-warn { color: var(--warn); } .p-bad { color: var(--bad); }
.p-dim { color: var(--dim); } .p-name { color: var(--name); } .p-heading { font-weight: 600; }
.p-problems { padding-left: 20px; }
.p-problems li { overflow-wrap: anywhere; margin: 4px 0; }
.p-problems b { color: var(--bad); }
@media (max-width: 640px) {
  body { padding: 14px; }
  h2 code { display: block; margin: 0; }
  nav { grid-template-columns: 1fr 1fr; }
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tr { border-bottom: 1px solid var(--rule); padding: 6px 0; }
  td, td.p-right { border: 0; padding: 1px 0; text-align: left; display: grid; grid-template-columns: 90px 1fr;
    gap: 10px; overflow-wrap: anywhere; }
  td:empty { display: none; }
  td::before { content: attr(data-column); color: var(--dim); font-family: system-ui, sans-serif; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 6px; }
}
@media print { .p-picture { max-height: none; } }
"""
