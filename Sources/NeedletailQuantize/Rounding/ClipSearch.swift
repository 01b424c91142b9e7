import NeedletailGraph

/// The search of AWQ for the share of each group's range to keep (Lin et al. 2024, "AWQ"): ranges from 1 down to 0.5 in
/// twentieths, by the squared error in outputs that the group alone makes, from the second moments of its inputs.
enum ClipSearch {
  /// [rows, groups]
  static func clips(_ weight: FloatMatrix, moments: FloatMatrix, _ coding: WeightCoding) -> [Float] {
    let rounding = GroupRounding(coding, columns: weight.columns)
    let (columns, groups, size) = (weight.columns, coding.groups(weight.columns), rounding.groupSize)
    return weight.elements.withUnsafeBufferPointer { weights in
      moments.elements.withUnsafeBufferPointer { moments in
        let (weights, moments) = (UncheckedReading(weights), UncheckedReading(moments))
        return [Float].filled(weight.rows * groups, repeating: 1) { result in
          inParallel(weight.rows) { rows in
            var change = [Float](repeating: 0, count: size)
            for row in rows {
              guard let start = weights.buffer.baseAddress.map({ $0 + row * columns }) else { continue }
              for group in 0..<groups {
                let range = group * size..<min((group + 1) * size, columns)
                let (low, high) = bounds(start, range)
                var best = Float.infinity
                for step in 0..<10 {
                  let clip = 1 - Float(step) / 20
                  let (scale, zero) = rounding.scale(from: low * clip, to: high * clip)
                  for index in range {
                    let value = rounding.value(rounding.code(start[index], scale, zero), scale, zero)
                    change[index - range.lowerBound] = value - start[index]
                  }
                  let error = squared(
                    change, moments.buffer, first: range.lowerBound, count: range.count, stride: columns)
                  if error < best {
                    best = error
                    result.start[row * groups + group] = clip
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  /// d M dᵀ over a block on the diagonal of M.
  private static func squared(
    _ change: [Float], _ moments: UnsafeBufferPointer<Float>, first: Int, count: Int, stride: Int
  ) -> Float {
    change.withUnsafeBytes { change in
      let moments = UnsafeRawBufferPointer(moments)
      var sum: Float = 0
      for i in 0..<count {
        let row = ((first + i) * stride + first) * 4
        // The matrix is symmetric: what stands before the diagonal counts twice. Eight sums, for the processor's sake.
        var part = SIMD8<Float>()
        var j = 0
        while j + 8 <= i {
          part +=
            moments.loadUnaligned(fromByteOffset: row + j * 4, as: SIMD8<Float>.self)
            * change.loadUnaligned(fromByteOffset: j * 4, as: SIMD8<Float>.self)
          j += 8
        }
        func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Float {
          bytes.loadUnaligned(fromByteOffset: offset, as: Float.self)
        }
        var rest: Float = 0
        while j < i {
          rest += number(moments, row + j * 4) * number(change, j * 4)
          j += 1
        }
        let own = number(change, i * 4)
        sum += own * (2 * (part.sum() + rest) + number(moments, row + i * 4) * own)
      }
      return sum
    }
  }
}
