import NeedletailGraph
import NeedletailKernels
import NeedletailRuntime

/// What a model may take of a device's own memory, and how the cache gets what is left.
struct MemoryBudget: Sendable, Hashable {
  /// All of it.
  var totalBytes: Int
  /// What others hold.
  var heldBytes: Int
  /// The share of all that may be in use.
  var fraction: Double

  /// Bytes for the model.
  var bytes: Int { Int(Double(totalBytes) * fraction) - heldBytes }

  /// The budget of a device with its own memory; nil for others.
  init?(_ device: any Device, fraction: Double) throws {
    guard let memory = try device.memory() else { return nil }
    guard fraction > 0, fraction <= 1 else {
      throw LoadError("the share of the GPU's memory is \(fraction); it must be more than 0 and at most 1")
    }
    self.init(totalBytes: memory.totalBytes, heldBytes: memory.totalBytes - memory.freeBytes, fraction: fraction)
  }

  init(totalBytes: Int, heldBytes: Int, fraction: Double) {
    self.totalBytes = totalBytes
    self.heldBytes = heldBytes
    self.fraction = fraction
  }

  /// Bytes left for the cache beside a need that is only estimated, before a plan is compiled.
  /// - Throws: a sentence where the model cannot fit.
  func roomForCache(besideWeights weightBytes: Int) throws(LoadError) -> Int {
    let room = bytes - weightBytes
    guard room > 0 else { throw refusal("the weights alone take \(gibibytes(weightBytes))") }
    return room
  }

  /// Blocks that the cache gets beside what a plan needs.
  /// - Parameters:
  ///   - wanted: blocks that are of use, or that were asked for.
  ///   - isAsked: whether so many were asked for and fewer will not do.
  /// - Throws: a sentence where the plan does not fit with at least one block.
  func blocks(
    besidePlan neededBytes: Int, blockBytes: Int, blockSize: Int, wanted: Int, isAsked: Bool
  ) throws(LoadError) -> Int {
    let room = bytes - neededBytes
    guard room >= blockBytes else {
      throw refusal("weights, activations and the driver take \(gibibytes(neededBytes))")
    }
    let blocks = room / max(blockBytes, 1)
    guard blocks < wanted else { return wanted }
    guard !isAsked else {
      throw LoadError(
        "a cache of \(wanted * blockSize) tokens takes \(gibibytes(wanted * blockBytes)), but beside the model's "
          + "\(gibibytes(neededBytes)) there are \(gibibytes(room)), for \(blocks * blockSize) tokens; ask for less")
    }
    return blocks
  }

  private func refusal(_ need: String) -> LoadError {
    var text =
      "the model does not fit: \(need), and of the GPU's \(gibibytes(totalBytes)) it may take "
      + "\(gibibytes(max(bytes, 0))) (a fraction of \(fraction)"
    text += heldBytes > 1 << 30 ? ", \(gibibytes(heldBytes)) of which others hold)" : ")"
    return LoadError(
      text + "; free memory, \(fraction < 1 ? "raise --gpu-memory-fraction, " : "")use fewer --max-tokens-per-step, a "
        + "smaller --dtype, or --device cpu")
  }
}

/// Bytes as "1.5 GiB".
func gibibytes(_ bytes: Int) -> String {
  let hundredths = (Double(bytes) / Double(1 << 30) * 100).rounded()
  let (whole, rest) = (Int(hundredths) / 100, Int(hundredths) % 100)
  return "\(whole).\(rest < 10 ? "0" : "")\(rest) GiB"
}
