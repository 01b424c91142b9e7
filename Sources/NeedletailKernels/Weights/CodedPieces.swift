import CNeedletailKernels
import NeedletailGraph

/// Rows of a coded weight on their way from a checkpoint to its buffer.
package struct CodedPieces {
  private let planned: PlannedWeight
  private let recipe: LinearRecipe
  private let sections: CodedSections
  private let n, k, groups: Int

  /// Nil where the weight is not coded.
  package init?(_ planned: PlannedWeight) {
    guard let recipe = planned.weight.recipe, let sections = planned.sections else { return nil }
    self.planned = planned
    self.recipe = recipe
    self.sections = sections
    n = planned.weight.shape[0]
    k = planned.weight.shape[1]
    groups = recipe.weight.groups(k)
  }

  /// Rows of a piece are to be a multiple of this, and to start at one, in the part as in the weight.
  package var rowStep: Int { recipe.weight.rowsPerScale }

  /// Copies rows of a part, of which the first is row `row` of the weight, to the weight's buffer, which is row-major or in
  /// panels.
  package func copy(
    _ rows: Range<Int>, of part: Weight.Part, to buffer: UnsafeMutableRawPointer, row: Int,
    from source: any WeightSource
  ) throws {
    let memory = CodedMemory(recipe.weight, rows: rows.count, k: k, laneBytes: sections.rowBytes)
    defer { withExtendedLifetime(memory) {} }
    try read(rows, of: part, to: memory.rows, from: source)
    if planned.layout == .panels {
      pack(memory.rows, memory.rows.scales, rows: rows.count, at: row, lanes: memory.lanes, to: buffer)
    } else {
      for copy in copies(row..<row + rows.count, of: memory.rows) {
        (buffer + copy.target).copyMemory(from: copy.source, byteCount: copy.byteCount)
      }
    }
  }

  /// Reads rows of a part, checks them and brings scales to the plan's storage.
  private func read(
    _ rows: Range<Int>, of part: Weight.Part, to target: CodedRows, from source: any WeightSource
  ) throws {
    let matrix = try part.coded(by: recipe, from: source)
    let (coding, stored) = (recipe.weight, matrix.recipe.weight.scaleType)
    let scaleCount = coding.scaleRows(rows.count) * groups
    guard stored != coding.scaleType else {
      try matrix.copy(rows: rows, to: target)
      return try check(target, scaleCount: scaleCount, stored: stored, rows: rows.count, name: part.name)
    }
    let scales = UnsafeMutableRawPointer.allocate(byteCount: max(scaleCount * stored.byteCount, 64), alignment: 64)
    defer { scales.deallocate() }
    var place = target
    place.scales = scales
    try matrix.copy(rows: rows, to: place)
    try check(place, scaleCount: scaleCount, stored: stored, rows: rows.count, name: part.name)
    guard
      HostRows.convert(
        scales, stored, stride: scaleCount, to: target.scales, coding.scaleType, rows: 1, width: scaleCount,
        isa: NT_ISA_PLAIN)
    else { throw GraphError("\(part.name) has scales in \(stored.name)") }
  }

  // Where rows in the order of `WeightCoding` go in a row-major buffer.
  private func copies(
    _ rows: Range<Int>, of coded: CodedRows
  ) -> [(source: UnsafeRawPointer, target: Int, byteCount: Int)] {
    let coding = recipe.weight
    let (scaleRow, scaleCount) = (rows.lowerBound / coding.rowsPerScale * groups, coding.scaleRows(rows.count) * groups)
    var copies: [(source: UnsafeRawPointer, target: Int, byteCount: Int)] = [
      (UnsafeRawPointer(coded.codes), rows.lowerBound * sections.rowBytes, rows.count * sections.rowBytes),
      (
        UnsafeRawPointer(coded.scales), sections.scales + scaleRow * coding.scaleType.byteCount,
        scaleCount * coding.scaleType.byteCount
      ),
    ]
    if let start = sections.zeros, let zeros = coded.zeros {
      copies.append((UnsafeRawPointer(zeros), start + scaleRow, scaleCount))
    }
    if let start = sections.rowScales, let factors = coded.rowScales {
      copies.append((UnsafeRawPointer(factors), start + rows.lowerBound * 4, rows.count * 4))
    }
    return copies
  }

  private func pack(
    _ coded: CodedRows, _ scales: UnsafeMutableRawPointer, rows: Int, at row: Int, lanes: UnsafeMutableRawPointer,
    to buffer: UnsafeMutableRawPointer
  ) {
    let coding = recipe.weight
    let (codeBytes, laneBytes) = (coding.rowBytes(k), sections.rowBytes)
    var codes = coded.codes
    if codeBytes != laneBytes {
      for index in 0..<rows {
        let target = lanes + index * laneBytes
        target.copyMemory(from: coded.codes + index * codeBytes, byteCount: codeBytes)
        (target + codeBytes).initializeMemory(as: UInt8.self, repeating: 0, count: laneBytes - codeBytes)
      }
      codes = lanes
    }
    let (first, count, all, width) = (Int64(row), Int64(rows), Int64(n), Int64(laneBytes / 4))
    nt_cpu_pack_weights(
      buffer, codes, first, count, all, width, width, DType.float32.rawValue, DType.float32.rawValue)
    func columns(_ source: UnsafeRawPointer, _ start: Int, _ count: Int, _ bytes: Int) {
      let rowSize = count * bytes
      var source = source
      // Rows that share scales: each gets them.
      let copies = UnsafeMutableRawPointer.allocate(
        byteCount: coding.rowsPerScale > 1 ? max(rows * rowSize, 64) : 64, alignment: 64)
      defer { copies.deallocate() }
      if coding.rowsPerScale > 1 {
        for index in 0..<rows {
          (copies + index * rowSize).copyMemory(
            from: source + index / coding.rowsPerScale * rowSize, byteCount: rowSize)
        }
        source = UnsafeRawPointer(copies)
      }
      nt_cpu_pack_columns(buffer + start, source, first, Int64(rows), all, Int64(count), Int64(bytes))
    }
    columns(scales, sections.scales, groups, coding.scaleType.byteCount)
    if let start = sections.zeros, let zeros = coded.zeros { columns(zeros, start, groups, 1) }
    if let start = sections.rowScales, let factors = coded.rowScales {
      nt_cpu_pack_columns(buffer + start, factors, first, count, all, 1, 4)
    }
  }

  /// Copies what the weight has once: what x is divided by, and the scale of its codes.
  package func copyInputScales(to buffer: UnsafeMutableRawPointer, from source: any WeightSource) throws {
    for (target, numbers) in try inputScales(from: source) {
      numbers.withUnsafeBytes {
        (buffer + target).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(buffer), byteCount: $0.count)
      }
    }
  }

  /// What the weight has once, and where it lies.
  package func inputScales(from source: any WeightSource) throws -> [(target: Int, numbers: [Float])] {
    guard sections.inputScale != nil || sections.activationScale != nil else { return [] }
    var (vector, largest): ([Float]?, Float) = (nil, 0)
    for part in planned.weight.parts {
      let matrix = try part.coded(by: recipe, from: source)
      if sections.activationScale != nil {
        guard let scale = try matrix.activationScale(), scale.isFinite, scale > 0 else {
          throw GraphError("\(part.name) has no scale of its input, or one that is no positive number")
        }
        // Of merged products the largest: what any of them was to hold, all hold.
        largest = max(largest, scale)
      }
      guard sections.inputScale != nil else { continue }
      guard let scale = try matrix.inputScale(), scale.count == k, scale.allSatisfy({ $0.isFinite && $0 != 0 }) else {
        throw GraphError("\(part.name) has no factors of its \(k) inputs, or some that are no numbers")
      }
      guard vector == nil || vector == scale else {
        throw GraphError("\(part.name) divides its input by other numbers than the products it is merged with")
      }
      vector = scale
    }
    return [sections.inputScale.map { ($0, vector ?? []) }, sections.activationScale.map { ($0, [largest]) }]
      .compactMap { $0 }
  }

  // What a damaged checkpoint might hold.
  private func check(_ coded: CodedRows, scaleCount: Int, stored: DType, rows: Int, name: String) throws(GraphError) {
    if stored != .float8e8m0 {
      let numbers = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(scaleCount, 1))
      defer { numbers.deallocate() }
      if let base = numbers.baseAddress {
        _ = HostRows.convert(
          coded.scales, stored, stride: scaleCount, to: base, .float32, rows: 1, width: scaleCount, isa: NT_ISA_PLAIN)
      }
      for scale in numbers.prefix(scaleCount) where !scale.isFinite {
        throw GraphError("\(name) has a scale that is no number (\(scale))")
      }
    }
    if let zeros = coded.zeros {
      for index in 0..<scaleCount where zeros[index] > 15 {
        throw GraphError("\(name) has the zero \(zeros[index]), which no code of 4 bits is")
      }
    }
    if let factors = coded.rowScales {
      for index in 0..<rows where !factors[index].isFinite {
        throw GraphError("\(name) has a factor that is no number (\(factors[index]))")
      }
    }
    if recipe.weight.code == .float8e4m3 {
      let codes = coded.codes.bindMemory(to: UInt8.self, capacity: rows * k)
      var strange = false
      for index in 0..<rows * k { strange = strange || codes[index] & 0x7F == 0x7F }
      if strange { throw GraphError("\(name) has codes that are not a number") }
    }
  }
}

/// Memory for rows in the order of `WeightCoding`, and once more for codes in whole lanes.
final class CodedMemory {
  let rows: CodedRows
  let lanes: UnsafeMutableRawPointer
  private let memory: [UnsafeMutableRawPointer]

  init(_ coding: WeightCoding, rows: Int, k: Int, laneBytes: Int) {
    let scaleCount = coding.scaleRows(rows) * coding.groups(k)
    memory = [rows * coding.rowBytes(k), scaleCount * 4, scaleCount, rows * 4, rows * laneBytes].map {
      UnsafeMutableRawPointer.allocate(byteCount: max($0, 64), alignment: 64)
    }
    self.rows = CodedRows(
      codes: memory[0], scales: memory[1],
      zeros: coding.hasZeroPoints ? memory[2].bindMemory(to: UInt8.self, capacity: scaleCount) : nil,
      rowScales: coding.hasRowScales ? memory[3].bindMemory(to: Float.self, capacity: rows) : nil)
    lanes = memory[4]
  }

  deinit { for piece in memory { piece.deallocate() } }
}

/// Rows of a weight as a device is given them: bytes of a buffer that go to several places.
package struct CodedPiece: Sendable {
  /// Rows of the weight.
  package let rows: Range<Int>
  /// Where bytes of the piece go in the weight's buffer: their first in the piece and there, and how many.
  package let copies: [(source: Int, target: Int, byteCount: Int)]
  /// Bytes of the piece.
  package var byteCount: Int { copies.reduce(0) { max($0, $1.source + $1.byteCount) } }
}

extension CodedPieces {
  /// The weight in pieces of about `limit` bytes: whole blocks of rows that share scales, and whole tiles of 16.
  package func pieces(limit: Int) -> [CodedPiece] {
    let step = max(16, rowStep)
    let count = max(step, limit / max(sections.rowBytes, 1) / step * step)
    return stride(from: 0, to: n, by: count).map { first in
      let rows = first..<min(n, first + count)
      var (copies, end): ([(source: Int, target: Int, byteCount: Int)], Int) = ([], 0)
      for place in sections.places(rows, recipe.weight, k: k) {
        copies.append((end, place.target, place.byteCount))
        end = (end + place.byteCount + 63) / 64 * 64
      }
      return CodedPiece(rows: rows, copies: copies)
    }
  }

  /// Fills the bytes of a piece.
  package func fill(_ piece: CodedPiece, _ bytes: UnsafeMutableRawPointer, from source: any WeightSource) throws {
    let coding = recipe.weight
    let memory = CodedMemory(coding, rows: piece.rows.count, k: k, laneBytes: 0)
    defer { withExtendedLifetime(memory) {} }
    var first = 0
    for part in planned.weight.parts {
      let all = first..<first + part.resultShape[0]
      first = all.upperBound
      let rows = piece.rows.clamped(to: all)
      guard !rows.isEmpty else { continue }
      let done = rows.lowerBound - piece.rows.lowerBound
      let scaleRow = done / coding.rowsPerScale * groups
      let place = CodedRows(
        codes: memory.rows.codes + done * coding.rowBytes(k),
        scales: memory.rows.scales + scaleRow * coding.scaleType.byteCount,
        zeros: memory.rows.zeros.map { $0 + scaleRow }, rowScales: memory.rows.rowScales.map { $0 + done })
      try read(rows.lowerBound - all.lowerBound..<rows.upperBound - all.lowerBound, of: part, to: place, from: source)
    }
    if planned.layout == .tiles {
      let isWide = recipe.weight.dtype.bitCount == 8
      nt_cpu_tile_codes(
        bytes, isWide ? nil : bytes + piece.copies[1].source, memory.rows.codes, memory.rows.scales, memory.rows.zeros,
        Int64(piece.rows.count), Int64(k), Int32(coding.groupSize ?? 0), coding.dtype.rawValue,
        coding.scaleType.rawValue)
      if isWide {
        (bytes + piece.copies[1].source).copyMemory(from: memory.rows.scales, byteCount: piece.rows.count * 4)
      }
      return
    }
    for (copy, from) in zip(piece.copies, copies(piece.rows, of: memory.rows)) {
      (bytes + copy.source).copyMemory(from: from.source, byteCount: copy.byteCount)
    }
  }

  /// Fills the weight's whole buffer, piece by piece.
  package func fill(_ buffer: UnsafeMutableRawPointer, from source: any WeightSource) throws {
    for piece in pieces(limit: 1 << 22) {
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(piece.byteCount, 64), alignment: 64)
      defer { bytes.deallocate() }
      try fill(piece, bytes, from: source)
      for copy in piece.copies {
        (buffer + copy.target).copyMemory(from: bytes + copy.source, byteCount: copy.byteCount)
      }
    }
    try copyInputScales(to: buffer, from: source)
  }
}
