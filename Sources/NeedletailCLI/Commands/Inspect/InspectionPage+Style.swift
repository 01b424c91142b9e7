extension InspectionPage {
  /// The page's style sheet.
  static let style = """
    :root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d2430;--soft:#5c6675;--line:#e3e0d8;--mark:#fff3cf;
    --accent:#20639b;--bar:#cfe0ee;--shadow:0 1px 2px #0000000d,0 4px 16px #0000000a}
    @media(prefers-color-scheme:dark){:root{--paper:#14171c;--card:#1c2027;--ink:#e7eaf0;--soft:#98a2b3;--line:#2e343e;
    --mark:#3a3417;--accent:#6fb1e6;--bar:#24445e;--shadow:none}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
    header,main,footer{max-width:1160px;margin:0 auto;padding:0 20px}
    header{padding-top:36px}
    .brand{color:var(--accent);font-weight:600;letter-spacing:.04em;font-size:13px;text-transform:uppercase}
    h1{font-size:clamp(22px,4vw,34px);line-height:1.15;margin:4px 0 10px;overflow-wrap:anywhere}
    h2{font-size:20px;margin:0 0 2px}
    section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px;margin:18px 0;
    box-shadow:var(--shadow)}
    .lead{color:var(--soft);margin:0 0 14px;max-width:75ch}
    .chips{display:flex;flex-wrap:wrap;gap:6px;margin:0}
    .chips span{border:1px solid var(--line);border-radius:99px;padding:2px 10px;font-size:13px;color:var(--soft);
    background:var(--card)}
    .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:16px}
    .figures div{border-left:3px solid var(--accent);padding-left:12px}
    .figures b{display:block;font-size:22px;line-height:1.2;font-variant-numeric:tabular-nums}
    .figures span{color:var(--soft);font-size:13px}
    .steps{display:flex;gap:6px;overflow-x:auto;padding:2px 2px 10px}
    .steps button,.tabs button{font:inherit;font-size:13px;color:var(--ink);background:transparent;cursor:pointer;
    border:1px solid var(--line);border-radius:8px;padding:6px 12px;text-align:left;white-space:nowrap}
    .steps button small{display:block;color:var(--soft);font-size:12px}
    .steps button[aria-selected=true],.tabs button[aria-selected=true]{border-color:var(--accent);
    background:var(--bar)}
    button:focus-visible,.graph:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
    .tabs{display:flex;flex-wrap:wrap;gap:6px}
    .bar{display:flex;flex-wrap:wrap;gap:12px;align-items:center;justify-content:space-between;margin-bottom:10px}
    .check{font-size:13px;color:var(--soft);display:inline-flex;gap:6px;align-items:center}
    .graph{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:12px;margin:8px 0 0;
    max-height:440px;overflow:auto;font:12px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
    .graph .new{background:var(--mark);display:inline-block;min-width:100%}
    .graph .op{color:var(--accent);font-weight:600}.graph .dim{color:var(--soft)}
    .strip{display:flex;height:30px;border-radius:6px;overflow:hidden;background:var(--line)}
    .strip i{display:block;height:100%;border-right:1px solid var(--card)}
    .legend{display:flex;flex-wrap:wrap;gap:4px 14px;margin:8px 0 14px;font-size:13px;color:var(--soft)}
    .legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
    .scroll{overflow-x:auto}
    .scroll table{min-width:680px}td:first-child{white-space:nowrap}
    table{border-collapse:collapse;width:100%;font-size:13px}
    th{color:var(--soft);font-weight:500;text-align:left;white-space:nowrap}
    th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
    td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-left:10px;padding-right:6px}
    td.share{min-width:110px;position:relative}
    td.share i{position:absolute;right:0;top:5px;bottom:5px;background:var(--bar);border-radius:3px;z-index:0}
    td.share b{position:relative;font-weight:400;z-index:1}
    td.where{overflow-wrap:anywhere;min-width:140px}
    td small{display:block;color:var(--soft);overflow-wrap:anywhere}
    tr.total td{font-weight:600;border-bottom:0}
    .dot{display:inline-block;width:9px;height:9px;border-radius:3px;margin-right:7px}
    svg{display:block;width:100%;height:auto;margin-top:12px}
    svg text{fill:var(--soft);font:11px system-ui,sans-serif}
    svg .grid{stroke:var(--line)}
    svg rect.v{stroke:var(--card);stroke-width:.7;cursor:default}
    svg .label{fill:#10151c;pointer-events:none}
    .note,footer{color:var(--soft);font-size:13px}
    footer{padding-bottom:40px}
    #tip{position:fixed;z-index:9;pointer-events:none;opacity:0;background:var(--ink);color:var(--paper);font-size:12px;
    line-height:1.4;border-radius:6px;padding:6px 9px;max-width:min(340px,90vw);white-space:pre-line}
    @media(max-width:640px){header,main,footer{padding-left:12px;padding-right:12px}section{padding:14px}
    .graph{font-size:11px}}
    """
}
