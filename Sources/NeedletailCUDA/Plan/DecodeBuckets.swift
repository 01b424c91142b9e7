/// The numbers of sequences that decode steps are padded to, so that few graphs serve all of them.
struct DecodeBuckets: Hashable, Sendable {
  /// Ascending.
  let sizes: [Int]

  /// 1, 2, 4, then in steps of 4, 8, 16 and 32 up to the most sequences of a step.
  init(maximum: Int) {
    var sizes: [Int] = []
    var size = 1
    while size < maximum {
      sizes.append(size)
      switch size {
      case ..<4: size *= 2
      case ..<16: size += 4
      case ..<64: size += 8
      case ..<256: size += 16
      default: size += 32
      }
    }
    sizes.append(maximum)
    self.sizes = sizes
  }

  /// The smallest bucket that holds so many sequences; nil where none does.
  func bucket(for sequences: Int) -> Int? {
    var (low, high) = (0, sizes.count)
    while low < high {
      let middle = (low + high) / 2
      if sizes[middle] < sequences { low = middle + 1 } else { high = middle }
    }
    return low < sizes.count ? sizes[low] : nil
  }
}
