import CNeedletailKernels
import NeedletailGraph

/// Ordinary rows of a checkpoint, coded while they are read: each number becomes the nearest code, without calibration.
///
///     int8, fp8       scale = largest magnitude / largest code, of a row or a block
///     int4            scale = (highest - lowest) / 15 with the zero round(-lowest / scale), where 0 lies between the two;
///                     without zero points 2 largest magnitude / 15
///     float4e2m1      scale = 2^(exponent of the largest magnitude - 2)
///
/// Factors of rows (4-bit codes for fp8 activations) bring the largest possible scale * (code - zero) to 448.
package struct RoundToNearest: CodedMatrix {
  package let part: Weight.Part
  package let source: any WeightSource
  package let recipe: LinearRecipe

  package init(_ part: Weight.Part, from source: any WeightSource, recipe: LinearRecipe) {
    self.part = part
    self.source = source
    self.recipe = recipe
  }

  package var shape: [Int] { part.resultShape }

  package func copy(rows: Range<Int>, to target: CodedRows) throws {
    let k = shape[1]
    try part.withRows(rows, from: source) { bytes, dtype, stride in
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: max(rows.count * k * 4, 64), alignment: 64)
      defer { buffer.deallocate() }
      guard
        HostRows.convert(
          bytes, dtype, stride: stride, to: buffer, .float32, rows: rows.count, width: k, isa: nt_cpu_best_isa())
      else { throw GraphError("\(part.name) is stored as \(dtype.name), which is not coded") }
      let numbers = UnsafePointer(buffer.bindMemory(to: Float.self, capacity: rows.count * k))
      guard Self.code(numbers, rows: rows.count, k: k, recipe.weight, to: target) else {
        throw GraphError("\(part.name) has numbers that are not finite, which have no code")
      }
    }
  }

  /// Codes rows [rows, k]; false where a number is not finite.
  package static func code(
    _ numbers: UnsafePointer<Float>, rows: Int, k: Int, _ coding: WeightCoding, to target: CodedRows
  ) -> Bool {
    guard let kernel = nt_cpu_find_kernel("code_weights", nt_cpu_best_isa()) else { return false }
    var strange: Int32 = 0
    var arguments = nt_code_weights_arguments()
    arguments.w = numbers
    arguments.codes = target.codes
    arguments.scales = target.scales
    arguments.zeros = target.zeros
    arguments.rows = Int64(rows)
    arguments.row_bytes = Int64(coding.rowBytes(k))
    arguments.k = Int32(k)
    arguments.group = Int32(coding.groupSize ?? 0)
    arguments.rows_per_scale = Int32(coding.rowsPerScale)
    arguments.code = coding.dtype.rawValue
    arguments.scale_dtype = coding.scaleType.rawValue
    withUnsafeMutablePointer(to: &strange) { strange in
      arguments.strange_rows = strange
      HostRows.run(kernel, &arguments)
    }
    if coding.hasRowScales { rowScales(rows: rows, groups: coding.groups(k), coding, target) }
    return strange == 0
  }

  // Divides each row's scales by its factor, in their storage.
  private static func rowScales(rows: Int, groups: Int, _ coding: WeightCoding, _ target: CodedRows) {
    var scales = [Float](repeating: 0, count: groups)
    for row in 0..<rows {
      let stored = target.scales + row * groups * coding.scaleType.byteCount
      func convert(_ from: UnsafeRawPointer, _ stored: DType, _ to: UnsafeMutableRawPointer, _ dtype: DType) {
        _ = HostRows.convert(from, stored, stride: groups, to: to, dtype, rows: 1, width: groups, isa: NT_ISA_PLAIN)
      }
      scales.withUnsafeMutableBytes { bytes in
        if let base = bytes.baseAddress { convert(stored, coding.scaleType, base, .float32) }
      }
      var largest: Float = 1e-12
      for group in 0..<groups {
        let zero = target.zeros.map { Float($0[row * groups + group]) } ?? 8
        largest = max(largest, scales[group] * max(zero, 15 - zero))
      }
      let factor = largest / 448
      target.rowScales?[row] = factor
      for group in 0..<groups { scales[group] /= factor }
      scales.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress { convert(base, .float32, stored, coding.scaleType) }
      }
    }
  }
}
