import Needletail

/// Drawings of measurements: SVG that reads well on light and dark pages.
enum BenchPlot {
  /// For each batch size the tokens a second, with the floor's rate as a line across.
  static func latency(_ results: [BenchResult]) -> String {
    let floors = results.map { Double($0.concurrency) * 1e3 / $0.floor.milliseconds }
    let top = max(floors.max() ?? 1, results.map(\.decodeTokensPerSecond).filter(\.isFinite).max() ?? 1) * 1.1
    let width = 120 + 90 * results.count
    var body = SVG.text(20, 24, "Decode tokens/s by batch size; the line is the floor", "title")
    body += "<line class=\"axis\" x1=\"60\" y1=\"260\" x2=\"\(width - 20)\" y2=\"260\"/>"
    for (index, result) in results.enumerated() {
      let x = 80 + 90 * index
      let rate = result.decodeTokensPerSecond.isFinite ? result.decodeTokensPerSecond : 0
      let height = 200 * rate / top
      let floor = 260 - 200 * floors[index] / top
      body += "<rect class=\"bar\" x=\"\(x)\" y=\"\(Show.fixed(260 - height, 1))\" width=\"50\" "
      body += "height=\"\(Show.fixed(height, 1))\"/>"
      body += "<line class=\"floor\" x1=\"\(x - 8)\" x2=\"\(x + 58)\" "
      body += "y1=\"\(Show.fixed(floor, 1))\" y2=\"\(Show.fixed(floor, 1))\"/>"
      body += SVG.text(x + 25, 278, "batch \(result.concurrency)", "", "middle")
      body += SVG.text(x + 25, 295, Show.short(rate), "", "middle")
    }
    return SVG.page(max(width, 460), 315, body)
  }

  /// Each request as a line from its submission over its first token to its end.
  static func throughput(_ run: BenchRun, _ result: BenchResult) -> String {
    let rows = run.requests.sorted { $0.start < $1.start }
    let thickness = max(1.0, min(10, 480 / Double(max(rows.count, 1))))
    let height = Int(Double(rows.count) * thickness) + 90
    let scale = 700 / max(run.wall, 1e-9)
    let title = "\(rows.count) requests, \(Show.short(result.outputTokensPerSecond)) tokens/s: waiting, then answering"
    var body = SVG.text(20, 24, title, "title")
    for (index, row) in rows.enumerated() {
      let y = Show.fixed(44 + Double(index) * thickness, 1)
      let size = Show.fixed(thickness * 0.8, 1)
      let first = 40 + row.start * scale
      let middle = first + row.firstToken * scale
      let end = first + row.total * scale
      for (name, from, to) in [("wait", first, middle), ("bar", middle, end)] {
        body += "<rect class=\"\(name)\" x=\"\(Show.fixed(from, 1))\" y=\"\(y)\" "
        body += "width=\"\(Show.fixed(to - from, 1))\" height=\"\(size)\"/>"
      }
    }
    let base = height - 34
    body += "<line class=\"axis\" x1=\"40\" y1=\"\(base)\" x2=\"740\" y2=\"\(base)\"/>"
    body += SVG.text(40, base + 18, "0 s") + SVG.text(740, base + 18, Show.time(seconds: run.wall), "", "end")
    return SVG.page(780, height, body)
  }
}
