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

  /// Copies rows of a part, of which the first is row `row` of the weight, to the weight's buffer.
  package func copy(
    _ rows: Range<Int>, of part: Weight.Part, to buffer: UnsafeMutableRawPointer, row: Int,
    from source: any WeightSource
  ) throws {
    let matrix = try part.coded(by: recipe, from: source)
    let coding = recipe.weight
    let scaleCount = coding.scaleRows(rows.count) * groups
    let stored = matrix.recipe.weight.scaleType
    let codeBytes = rows.count * coding.rowBytes(k)
    let memory = Scratch([
      codeBytes, scaleCount * 4, scaleCount, rows.count * 4, rows.count * sections.rowBytes, scaleCount * 4,
    ])
    let coded = CodedRows(
      codes: memory[0], scales: memory[1],
      zeros: coding.hasZeroPoints ? memory[2].bindMemory(to: UInt8.self, capacity: scaleCount) : nil,
      rowScales: coding.hasRowScales ? memory[3].bindMemory(to: Float.self, capacity: rows.count) : nil)
    try matrix.copy(rows: rows, to: coded)
    try check(coded, scaleCount: scaleCount, stored: stored, rows: rows.count, name: part.name)
    let scales = memory[5]
    defer { withExtendedLifetime(memory) {} }
    if stored == coding.scaleType {
      scales.copyMemory(from: coded.scales, byteCount: scaleCount * stored.byteCount)
    } else {
      guard
        HostRows.convert(
          coded.scales, stored, stride: scaleCount, to: scales, coding.scaleType, rows: 1, width: scaleCount,
          isa: NT_ISA_PLAIN)
      else { throw GraphError("\(part.name) has scales in \(stored.name)") }
    }
    if planned.layout == .panels {
      pack(coded, scales, rows: rows.count, at: row, lanes: memory[4], to: buffer)
    } else {
      let scaleRow = row / coding.rowsPerScale * groups
      (buffer + row * sections.rowBytes).copyMemory(from: coded.codes, byteCount: codeBytes)
      (buffer + sections.scales + scaleRow * coding.scaleType.byteCount)
        .copyMemory(from: scales, byteCount: scaleCount * coding.scaleType.byteCount)
      if let start = sections.zeros, let zeros = coded.zeros {
        (buffer + start + scaleRow).copyMemory(from: zeros, byteCount: scaleCount)
      }
      if let start = sections.rowScales, let factors = coded.rowScales {
        (buffer + start + row * 4).copyMemory(from: factors, byteCount: rows.count * 4)
      }
    }
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
      let copies = coding.rowsPerScale > 1 && count == groups ? Scratch([rows * rowSize]) : nil
      if let copies {
        for index in 0..<rows {
          (copies[0] + index * rowSize).copyMemory(
            from: source + index / coding.rowsPerScale * rowSize, byteCount: rowSize)
        }
        source = UnsafeRawPointer(copies[0])
      }
      withExtendedLifetime(copies) {
        nt_cpu_pack_columns(buffer + start, source, first, Int64(rows), all, Int64(count), Int64(bytes))
      }
    }
    columns(scales, sections.scales, groups, coding.scaleType.byteCount)
    if let start = sections.zeros, let zeros = coded.zeros { columns(zeros, start, groups, 1) }
    if let start = sections.rowScales, let factors = coded.rowScales {
      nt_cpu_pack_columns(buffer + start, factors, first, count, all, 1, 4)
    }
  }

  /// Copies what the weight has once: what x is divided by, and the scale of its codes.
  package func copyInputScales(to buffer: UnsafeMutableRawPointer, from source: any WeightSource) throws {
    guard recipe.hasInputScale || sections.activationScale != nil else { return }
    var (vector, largest): ([Float]?, Float) = (nil, 0)
    for part in planned.weight.parts {
      let matrix = try part.coded(by: recipe, from: source)
      if let start = sections.activationScale {
        guard let scale = try matrix.activationScale(), scale.isFinite, scale > 0 else {
          throw GraphError("\(part.name) has no scale of its input, or one that is no positive number")
        }
        // Of merged products the largest: what any of them was to hold, all hold.
        largest = max(largest, scale)
        (buffer + start).storeBytes(of: largest, as: Float.self)
      }
      guard let start = sections.inputScale else { continue }
      guard let scale = try matrix.inputScale(), scale.count == k, scale.allSatisfy({ $0.isFinite && $0 != 0 }) else {
        throw GraphError("\(part.name) has no factors of its \(k) inputs, or some that are no numbers")
      }
      guard vector == nil || vector == scale else {
        throw GraphError("\(part.name) divides its input by other numbers than the products it is merged with")
      }
      vector = scale
      scale.withUnsafeBytes { (buffer + start).copyMemory(from: $0.baseAddress ?? .init(buffer), byteCount: $0.count) }
    }
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

/// Pieces of memory, aligned to 64 bytes, as long as the object lives.
private final class Scratch {
  private let pieces: [UnsafeMutableRawPointer]
  init(_ sizes: [Int]) {
    pieces = sizes.map { UnsafeMutableRawPointer.allocate(byteCount: max($0, 64), alignment: 64) }
  }
  deinit { for piece in pieces { piece.deallocate() } }
  subscript(index: Int) -> UnsafeMutableRawPointer { pieces[index] }
}
