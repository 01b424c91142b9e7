extension InspectionPage {
  /// The page's script: common parts, then each section.
  static let script = "'use strict';(()=>{" + commonScript + passesScript + launchesScript + memoryScript + "})();"

  /// Numbers, colours, tabs and the hint that follows the pointer.
  private static let commonScript = #"""
    const report = JSON.parse(document.getElementById('report').textContent);
    const $ = id => document.getElementById(id);
    const element = (name, text, cls) => { const e = document.createElement(name);
      if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; };
    const digits = x => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
    const scaled = (x, base, units) => { let i = 0; while (Math.abs(x) >= base && i + 1 < units.length) { x /= base; i++; }
      return (i === 0 ? String(Math.round(x)) : digits(x)) + ' ' + units[i]; };
    const bytes = x => scaled(x, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
    const amount = (x, unit) => scaled(x, 1000, ['', 'K', 'M', 'G', 'T', 'P'].map(u => u + unit));
    const time = s => s >= 1 ? digits(s) + ' s' : s >= 1e-3 ? digits(s * 1e3) + ' ms' : digits(s * 1e6) + ' µs';
    const star = name => name.split('.').map(p => /^\d+$/.test(p) ? '*' : p).join('.');
    const layerOf = name => { const m = /(?:^|\.)(\d+)(?:\.|$)/.exec(name); return m ? +m[1] : null; };
    const palette = { matmul: '#6b9fd4', attention: '#e59a5c', rms_norm: '#8cc084', gather_rows: '#c9b458',
      rope_cache_write: '#c58bb8', rope_table: '#a895cf', gated_activation: '#6cc0b8', unary: '#b7a596', binary: '#d98a8a' };
    const alias = { linear: 'matmul', embed: 'gather_rows', paged_attention: 'attention', add_rms_norm: 'rms_norm',
      scored_rows: 'gather_rows', rope: 'rope_cache_write' };
    const colour = kernel => palette[alias[kernel] || kernel] || '#9aa7b5';
    const tip = $('tip');
    const hint = (e, text) => {
      e.addEventListener('pointermove', p => { tip.textContent = text; tip.style.opacity = 1;
        const w = tip.offsetWidth, h = tip.offsetHeight;
        tip.style.left = Math.max(6, Math.min(innerWidth - w - 6, p.clientX + 12)) + 'px';
        tip.style.top = (p.clientY + h + 24 > innerHeight ? p.clientY - h - 10 : p.clientY + 14) + 'px'; });
      e.addEventListener('pointerleave', () => { tip.style.opacity = 0; }); };
    const tabs = (host, labels, choose, first) => { const buttons = labels.map((label, i) => {
        const b = element('button'); b.append(...[].concat(label)); b.setAttribute('role', 'tab');
        b.onclick = () => select(i); host.append(b); return b; });
      const select = i => { buttons.forEach((b, j) => b.setAttribute('aria-selected', String(i === j))); choose(i); };
      select(first); };
    $('name').textContent = report.name.split('/').filter(Boolean).pop() || report.name;
    for (const fact of [report.model_type, amount(report.parameters, '') + ' parameters', report.dtype, report.device,
      'reads ' + amount(report.machine.bytes_per_s, 'B/s'), amount(report.machine.flops_per_s, 'FLOP/s')])
      $('facts').append(element('span', fact));
    const [decode, prefill] = report.phases;
    const seconds = phase => phase.total.measured_s ?? phase.total.floor_s;
    const figure = (value, label) => { const d = element('div'); d.append(element('b', value), element('span', label));
      $('figures').append(d); };
    const kind = decode.total.measured_s == null ? 'at the floor' : 'measured';
    figure(time(seconds(decode)), decode.title + ', ' + kind);
    figure(time(seconds(prefill)), prefill.title + ', ' + kind);
    figure(bytes(report.weight_bytes), 'weights as prepared');
    figure(bytes(report.activation_bytes), 'activations');
    figure(bytes(report.cache.bytes_per_token), 'cache for a token');
    figure(String(decode.total.launches), 'launches of a step');
    $('footer').textContent = 'Needletail ' + report.version + ' · steps of up to ' + report.limits.tokens_per_step +
      ' tokens and ' + report.limits.sequences + ' sequences of ' + report.limits.sequence_length.toLocaleString('en') +
      ' tokens · cache of ' + report.cache.blocks + ' blocks, ' + bytes(report.cache.bytes);

    """#

  /// The graph after each pass.
  private static let passesScript = #"""
    const plain = line => line.replace(/%\d+/g, '%');
    let chosenPass = 0;
    const drawGraph = () => {
      const lines = report.passes[chosenPass].text.trimEnd().split('\n');
      const before = new Map();
      if (chosenPass > 0) for (const line of report.passes[chosenPass - 1].text.trimEnd().split('\n'))
        before.set(plain(line), (before.get(plain(line)) || 0) + 1);
      const layers = lines.map(l => layerOf(l.split('# ')[1] || '')), last = Math.max(0, ...layers.map(l => l ?? 0));
      const all = $('allLayers').checked, out = document.createDocumentFragment();
      let hidden = 0;
      lines.forEach((line, i) => {
        const left = before.get(plain(line)) || 0, isNew = chosenPass > 0 && left === 0;
        if (left) before.set(plain(line), left - 1);
        const skip = !all && layers[i] !== null && layers[i] > 0 && layers[i] < last;
        if (skip) { hidden++; return; }
        if (hidden) { out.append(element('span', '    … ' + hidden + ' nodes of layers 1 to ' + (last - 1) + '\n', 'dim')); hidden = 0; }
        const row = element('span', undefined, isNew ? 'new' : '');
        const m = /^(.*? = )([a-z_]+)(\(.*?)(  # .*)?$/.exec(line);
        if (m) row.append(m[1], element('span', m[2], 'op'), m[3], element('span', m[4] || '', 'dim')); else row.append(line);
        out.append(row, '\n');
      });
      $('graph').replaceChildren(out); $('graph').scrollTop = 0; };
    $('allLayers').onchange = drawGraph;
    tabs($('passes'), report.passes.map((p, i) => { const change = i ? p.operations - report.passes[i - 1].operations : 0;
      return [i ? p.name : 'as recorded', element('small', p.operations + ' operations' +
        (change ? ' (' + (change > 0 ? '+' : '−') + Math.abs(change) + ')' : ''))]; }),
      i => { chosenPass = i; drawGraph(); }, report.passes.length - 1);

    """#

  /// The strip of launches in time and their table.
  private static let launchesScript = #"""
    let chosenPhase = 0;
    const cell = (row, text, cls, small) => { const td = element('td', text, cls); if (small) td.append(element('small', small));
      row.append(td); return td; };
    const share = (row, text, part) => { const td = element('td', undefined, 'n share'), i = element('i');
      i.style.width = Math.max(0, Math.min(100, part * 100)) + '%'; td.append(i, element('b', text)); row.append(td); };
    const drawLaunches = () => {
      const phase = report.phases[chosenPhase], measured = phase.total.measured_s != null;
      const of = x => (measured ? x.measured_s : x.floor_s), total = of(phase.total);
      $('launchLead').textContent = 'A ' + phase.title + ': ' + phase.total.launches + ' launches read and write ' +
        bytes(phase.total.bytes) + ' and compute ' + amount(phase.total.operations, '') + ' operations. The floor is ' +
        time(phase.total.floor_s) + (measured ? ', measured ' + time(phase.total.measured_s) + '.' : '.');
      const kernels = new Map(), strip = document.createDocumentFragment();
      for (const l of phase.launches) {
        kernels.set(l.kernel, (kernels.get(l.kernel) || 0) + of(l));
        const i = element('i'); i.style.background = colour(l.kernel); i.style.flex = of(l) / total + ' 0 0';
        hint(i, l.kernel + ' · ' + l.scope + '\n' + l.problem + '\n' + time(of(l)) + ', ' + bytes(l.bytes)); strip.append(i); }
      $('strip').replaceChildren(strip);
      $('legend').replaceChildren(...[...kernels].sort((a, b) => b[1] - a[1]).map(([kernel, t]) => {
        const s = element('span'), i = element('i'); i.style.background = colour(kernel);
        s.append(i, kernel + ' ' + (100 * t / total).toFixed(1) + ' %'); return s; }));
      const rows = [], index = new Map();
      for (const l of phase.launches) {
        const key = $('everyLaunch').checked ? rows.length : l.kernel + l.problem + star(l.scope);
        let r = index.get(key);
        if (!r) { r = { kernel: l.kernel, problem: l.problem, scope: $('everyLaunch').checked ? l.scope : star(l.scope),
          count: 0, bytes: 0, operations: 0, floor_s: 0, measured_s: 0 }; index.set(key, r); rows.push(r); }
        r.count++; for (const k of ['bytes', 'operations', 'floor_s', 'measured_s']) r[k] += l[k] || 0; }
      const table = $('launches'), head = element('tr');
      for (const [name, cls] of [['kernel'], ['×', 'n'], ['where'], ['bytes', 'n'], ['operations', 'n'], ['floor', 'n'],
        ...(measured ? [['measured', 'n'], ['of floor', 'n']] : [])]) head.append(element('th', name, cls));
      const body = rows.map(r => { const tr = element('tr'), td = cell(tr, '', '', ''), dot = element('span', '', 'dot');
        dot.style.background = colour(r.kernel); td.append(dot, r.kernel);
        cell(tr, String(r.count), 'n'); cell(tr, r.scope, 'where', r.problem);
        share(tr, bytes(r.bytes), r.bytes / phase.total.bytes);
        share(tr, r.operations ? amount(r.operations, '') : '–', r.operations / phase.total.operations);
        share(tr, time(r.floor_s), r.floor_s / phase.total.floor_s);
        if (measured) { share(tr, time(r.measured_s), r.measured_s / total); cell(tr, (r.measured_s / r.floor_s).toFixed(2), 'n'); }
        return tr; });
      const sum = element('tr', undefined, 'total'), t = phase.total;
      for (const [text, cls] of [['total'], [String(t.launches), 'n'], [''], [bytes(t.bytes), 'n'], [amount(t.operations, ''), 'n'],
        [time(t.floor_s), 'n'], ...(measured ? [[time(t.measured_s), 'n'], [(t.measured_s / t.floor_s).toFixed(2), 'n']] : [])])
        cell(sum, text, cls);
      table.replaceChildren(head, ...body, sum); };
    $('everyLaunch').onchange = drawLaunches;
    tabs($('phases'), report.phases.map(p => p.title), i => { chosenPhase = i; drawLaunches(); }, 0);

    """#

  /// The map of activation memory and the weights.
  private static let memoryScript = #"""
    const svg = (name, attributes, text) => { const e = document.createElementNS('http://www.w3.org/2000/svg', name);
      for (const k in attributes) e.setAttribute(k, attributes[k]); if (text !== undefined) e.textContent = text; return e; };
    const drawMemory = i => {
      const v = report.memory[i], W = 1080, H = 320, left = 64, top = 8, w = W - left - 8, h = H - top - 30;
      const root = svg('svg', { viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': 'memory map' });
      for (let k = 0; k <= 4; k++) { const y = top + h * k / 4;
        root.append(svg('line', { class: 'grid', x1: left, x2: W - 8, y1: y, y2: y }),
          svg('text', { x: left - 6, y: y + 4, 'text-anchor': 'end' }, bytes(v.bytes * (4 - k) / 4))); }
      for (const p of v.placements) { const op = p.name.split(' ')[1] || '';
        const x = left + w * p.first_launch / v.launches, width = w * (p.last_launch - p.first_launch + 1) / v.launches;
        const height = h * p.bytes / v.bytes, y = top + h - h * p.offset / v.bytes - height;
        const r = svg('rect', { class: 'v', x, y, width, height, rx: 1.5, fill: colour(op) });
        hint(r, p.name + '\n' + p.type + '\n' + bytes(p.bytes) + ' at ' + p.offset.toLocaleString('en') + ', launches ' +
          p.first_launch + ' to ' + p.last_launch); root.append(r);
        if (width > 74 && height > 13) root.append(svg('text', { class: 'label', x: x + 4, y: y + 11 }, op)); }
      root.append(svg('text', { x: left, y: H - 8 }, 'launch 0'), svg('text', { x: W - 8, y: H - 8, 'text-anchor': 'end' },
        'launch ' + (v.launches - 1)));
      $('memory').replaceChildren(root);
      const sum = v.placements.reduce((s, p) => s + p.bytes, 0);
      $('memoryNote').textContent = v.placements.length + ' values of ' + bytes(sum) + ' together lie in ' + bytes(v.bytes) + '.'; };
    tabs($('variants'), report.memory.map(v => 'steps up to ' + v.maximum_tokens + ' tokens'), drawMemory, 0);
    const groups = new Map();
    for (const x of report.weights) { const name = x.name.replace(/\[[^\]]*\]/g, '').split(' + ').map(star).join(' + ');
      const key = name + x.shape + x.dtype, g = groups.get(key) || { name, shape: x.shape, stored: x.dtype + ' ' + x.layout, count: 0, bytes: 0 };
      g.count++; g.bytes += x.bytes; groups.set(key, g); }
    const weights = [...groups.values()].sort((a, b) => b.bytes - a.bytes);
    $('weightLead').textContent = report.weights.length + ' pieces, ' + bytes(report.weight_bytes) + ' as prepared for the kernels.';
    const wide = 1080, high = 260, root = svg('svg', { viewBox: `0 0 ${wide} ${high}`, role: 'img', 'aria-label': 'weights' });
    const shades = ['#6b9fd4', '#e59a5c', '#8cc084', '#c58bb8', '#6cc0b8', '#c9b458', '#a895cf', '#d98a8a'];
    const short = g => g.name.split(' + ').map(n => n.replace(/^.*\*\./, '').replace(/\.weight$/, '')).join(' + ');
    let box = { x: 0, y: 0, w: wide, h: high }, rest = weights.reduce((s, g) => s + g.bytes, 0);
    const place = (row, sum) => { const down = box.w >= box.h, size = (down ? box.w : box.h) * sum / rest; let at = 0;
      for (const [g, n] of row) { const part = (down ? box.h : box.w) * g.bytes / sum;
        const r = down ? { x: box.x, y: box.y + at, w: size, h: part } : { x: box.x + at, y: box.y, w: part, h: size }; at += part;
        const e = svg('rect', { class: 'v', x: r.x, y: r.y, width: r.w, height: r.h, rx: 3, fill: shades[n % shades.length] });
        hint(e, g.name + '\n' + g.count + ' × ' + g.shape.join(' × ') + ' ' + g.stored + '\n' + bytes(g.bytes)); root.append(e);
        if (r.w > 90 && r.h > 32) root.append(svg('text', { class: 'label', x: r.x + 7, y: r.y + 17 }, short(g).slice(0, Math.floor(r.w / 6.5))),
          svg('text', { class: 'label', x: r.x + 7, y: r.y + 31 }, bytes(g.bytes))); }
      if (down) { box.x += size; box.w -= size; } else { box.y += size; box.h -= size; } rest -= sum; };
    const worst = (row, sum) => { const side = Math.min(box.w, box.h), area = box.w * box.h * sum / rest;
      return Math.max(...row.map(([g]) => { const a = area * g.bytes / sum, b = area / side; return Math.max(b * b / a, a / (b * b)); })); };
    let row = [], sum = 0;
    weights.forEach((g, n) => { if (row.length && worst([...row, [g, n]], sum + g.bytes) > worst(row, sum)) { place(row, sum); row = []; sum = 0; }
      row.push([g, n]); sum += g.bytes; });
    if (row.length) place(row, sum);
    $('treemap').append(root);
    const head = element('tr'); for (const [n, c] of [['weight'], ['×', 'n'], ['shape'], ['stored as'], ['bytes', 'n']]) head.append(element('th', n, c));
    $('weights').append(head, ...weights.map((g, n) => { const tr = element('tr'), td = cell(tr, '', 'where'), dot = element('span', '', 'dot');
      dot.style.background = shades[n % shades.length]; td.append(dot, g.name);
      cell(tr, String(g.count), 'n'); cell(tr, g.shape.join(' × ')); cell(tr, g.stored); share(tr, bytes(g.bytes), g.bytes / report.weight_bytes); return tr; }));

    """#
}
