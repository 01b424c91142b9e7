import Needletail

/// A drawing of where a step's time goes.
enum KernelPlot {
  private static let left = 230
  private static let scale = 480.0

  /// For each step and kind of kernel a bar as long as its time, with the part that the floor explains filled.
  static func svg(_ tables: [KernelTable]) -> String {
    var body = ""
    var y = 30
    for table in tables {
      let longest = max(table.groups.compactMap(\.measured).max() ?? 1, 1e-9)
      body += SVG.text(20, y, table.phase.title, "title")
      y += 14
      for group in table.groups {
        let time = group.measured ?? 0
        let width = scale * time / longest
        let filled = min(width, scale * group.floor / longest)
        y += 22
        body += SVG.text(left - 8, y + 11, "\(group.count) × \(group.launch.kernel)", "", "end")
        body += SVG.bar("wait", x: Double(left), y: y, width: width)
        body += SVG.bar("bar", x: Double(left), y: y, width: filled)
        let share = time > 0 ? Show.fixed(group.floor / time * 100, 0) : "-"
        body += SVG.text(left + Int(width) + 8, y + 11, "\(Show.time(seconds: time)), \(share) % of the floor")
      }
      y += 40
      body += SVG.text(20, y, table.summary.split(separator: "\n").first.map(String.init) ?? "")
      y += 40
    }
    return SVG.page(980, y, body)
  }
}

/// Pieces of drawings that read well on light and dark pages.
enum SVG {
  private static let style = """
    <style>text{font:12px system-ui,sans-serif;fill:#555}.title{font-size:15px;font-weight:600;fill:#222}\
    .axis{stroke:#bbb}.bar{fill:#4a7dbd}.wait{fill:#e2b04a}.floor{stroke:#c0504d;stroke-width:2}\
    @media(prefers-color-scheme:dark){text{fill:#aaa}.title{fill:#eee}.axis{stroke:#555}}</style>
    """

  static func text(_ x: Int, _ y: Int, _ text: String, _ name: String = "", _ anchor: String = "start") -> String {
    "<text x=\"\(x)\" y=\"\(y)\" class=\"\(name)\" text-anchor=\"\(anchor)\">\(text)</text>"
  }

  static func bar(_ name: String, x: Double, y: Int, width: Double) -> String {
    "<rect class=\"\(name)\" x=\"\(Show.fixed(x, 1))\" y=\"\(y)\" width=\"\(Show.fixed(width, 1))\" height=\"14\"/>"
  }

  static func page(_ width: Int, _ height: Int, _ body: String) -> String {
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" width=\"\(width)\">\(style)\(body)</svg>\n"
  }
}
