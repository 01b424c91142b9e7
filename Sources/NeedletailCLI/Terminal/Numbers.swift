import Needletail

/// Numbers as people read them.
package enum Show {
  /// A number with a fixed count of digits behind the point: `fixed(3.14159, 2)` is "3.14".
  package static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let text = String(Int(scaled))
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard digits > 0 else { return sign + text }
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
    return sign + padded.dropLast(digits) + "." + padded.suffix(digits)
  }

  /// About three digits: "0.0123", "1.23", "123", "12,345".
  package static func short(_ value: Double) -> String {
    let size = value.magnitude
    if value.isNaN { return "-" }
    guard size < 1e15 else { return fixed(value, 0) }
    if size >= 100 || size == 0 { return grouped(Int(value.rounded())) }
    if size >= 10 { return fixed(value, 1) }
    if size >= 1 { return fixed(value, 2) }
    var digits = 3
    var limit = 0.1
    while size < limit, digits < 9 {
      digits += 1
      limit /= 10
    }
    return fixed(value, digits)
  }

  /// 1234567 is "1,234,567".
  package static func grouped(_ value: Int) -> String { Needletail.grouped(value) }

  /// Bytes in powers of 1024: "12.3 MiB".
  package static func bytes(_ count: Int) -> String {
    scaled(Double(count), 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
  }

  /// A rate or amount in powers of 1000: `amount(4.8e10, "B/s")` is "48.0 GB/s".
  package static func amount(_ value: Double, _ unit: String) -> String {
    scaled(value, 1000, ["", "K", "M", "G", "T", "P", "E"].map { $0 + unit })
  }

  /// A time: "12.3 ms".
  package static func time(seconds: Double) -> String {
    if seconds >= 1 { return short(seconds) + " s" }
    if seconds >= 1e-3 { return short(seconds * 1e3) + " ms" }
    return short(seconds * 1e6) + " µs"
  }

  private static func scaled(_ value: Double, _ base: Double, _ units: [String]) -> String {
    var value = value
    var index = 0
    while value.magnitude >= base, index + 1 < units.count {
      value /= base
      index += 1
    }
    let digits = index == 0 && value == value.rounded() ? 0 : value.magnitude >= 100 ? 0 : value.magnitude >= 10 ? 1 : 2
    return fixed(value, digits) + " " + units[index]
  }
}

/// Columns of text, aligned.
package struct TextTable {
  private var rows: [[String]] = []
  private let alignsRight: [Bool]

  /// A table with a header; columns whose title begins with ">" are aligned to the right.
  package init(_ titles: [String]) {
    alignsRight = titles.map { $0.hasPrefix(">") }
    rows = [titles.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }]
  }

  /// Adds a row of as many cells as there are titles.
  package mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The rows, two spaces between columns, no spaces at the ends of lines.
  package var text: String {
    let widths = alignsRight.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += (column > 0 ? "  " : "") + (alignsRight[column] ? space + cell : cell + space)
      }
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
