import NeedletailGraph

/// A plan that cannot be run, in one sentence.
public struct PlanError: Error, Equatable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// An error.
  public init(_ description: String) { self.description = description }
}

extension Plan {
  /// Checks that a plan from outside hangs together: sizes are positive and no product of them overflows, every place
  /// lies inside of its buffer, every field inside of its argument struct, every tensor map inside of what it describes.
  ///
  /// What argument structs say beside addresses and counts cannot be checked: a plan is trusted where its bytes are
  /// those that were written.
  /// - Throws: a sentence about the first thing that is wrong.
  public func validate() throws(PlanError) {
    try limits.validate()
    for (index, weight) in weights.enumerated() { try weight.validate("weight \(index)") }
    _ = try checkedSum(weights.map(\.byteCount), "bytes of weights")
    let longest = max(limits.sequenceLength, limits.blockSize)
    for (index, cache) in caches.enumerated() {
      guard cache.kvHeads > 0, cache.keyDim > 0, cache.valueDim >= 0, cache.dtype.byteCount > 0 else {
        throw PlanError("the cache of layer \(index) has no sizes")
      }
      let head = try checkedSum([cache.keyDim, cache.valueDim], "numbers of a head")
      _ = try checkedProduct([cache.kvHeads, head, cache.dtype.byteCount, longest], "bytes of the cache")
    }
    _ = try checkedSum(caches.map { $0.bytesPerToken * longest }, "bytes of the cache")
    for value in inputs + outputs {
      _ = try bytes(of: value.type, "\(value.name)")
      guard value.type.shape.last?.fixed != nil else { throw PlanError("\(value.name) has rows of no fixed width") }
    }
    guard let largest = variants.last, largest.maximumTokens >= limits.tokens,
      zip(variants, variants.dropFirst()).allSatisfy({ $0.maximumTokens < $1.maximumTokens })
    else { throw PlanError("its variants do not cover steps of up to \(limits.tokens) tokens") }
    let places = BufferSizes(self)
    for (number, variant) in variants.enumerated() {
      try validate(variant, places, "variant \(number)")
    }
  }

  private func validate(_ variant: PlanVariant, _ places: BufferSizes, _ name: String) throws(PlanError) {
    guard variant.maximumTokens > 0, 0...sizeLimit ~= variant.activationBytes else {
      throw PlanError("\(name) has \(variant.activationBytes) bytes for steps of \(variant.maximumTokens) tokens")
    }
    for place in variant.placements {
      guard place.offset >= 0, place.bytes >= 0,
        try checkedSum([place.offset, place.bytes], place.name) <= variant.activationBytes
      else { throw PlanError("\(name): \(place.name) lies outside of the activations") }
    }
    for (index, launch) in variant.launches.enumerated() {
      try launch.validate(places, "\(name), launch \(index), \(launch.kernel)")
    }
  }

  /// Bytes of a value at the largest step.
  private func bytes(of type: TensorType, _ name: String) throws(PlanError) -> Int {
    guard type.shape.count { $0.unit != .one } <= 1 else {
      throw PlanError("\(name) has two dimensions of unknown size")
    }
    let counts = limits.largestCounts
    var sizes = [type.dtype.byteCount]
    for dim in type.shape { sizes.append(try checkedValue(of: dim, counts, name)) }
    return try checkedProduct(sizes, "bytes of \(name)")
  }
}

extension PlanLimits {
  fileprivate func validate() throws(PlanError) {
    let sizes = [
      ("tokens of a step", tokens), ("sequences of a step", sequences), ("scored rows of a step", scoredRows),
      ("tokens of a sequence", sequenceLength), ("tokens of a block", blockSize),
    ]
    for (name, size) in sizes where !(1...Int(Int32.max) ~= size) { throw PlanError("\(size) \(name)") }
    _ = try checkedProduct([sequences, blocksPerSequence, 4], "bytes of block tables")
  }

  /// The largest counts of a step, all its sequences decoding.
  var largestCounts: StepCounts {
    StepCounts(tokens: tokens, sequences: sequences, scoredRows: scoredRows, decodes: min(tokens, sequences))
  }
}

extension PlannedWeight {
  fileprivate func validate(_ name: String) throws(PlanError) {
    guard !weight.parts.isEmpty, dtype.byteCount > 0 else { throw PlanError("\(name) has no parts or no type") }
    var (rows, width) = (0, [Int]?.none)
    for part in weight.parts {
      _ = try checkedProduct(part.shape, "numbers of \(name)")
      if let fault = part.fault { throw PlanError("\(name) \(fault)") }
      let shape = part.resultShape
      guard width == nil || width == Array(shape.dropFirst()) else { throw PlanError("\(name) is no matrix") }
      width = Array(shape.dropFirst())
      rows = try checkedSum([rows, shape[0]], "rows of \(name)")
    }
    let columns = width?.first ?? 1
    if let recipe = weight.recipe {
      guard width?.count == 1, recipe.fault(n: rows, k: columns) == nil, dtype == recipe.weight.dtype,
        byteCount == CodedSections(recipe, n: rows, k: columns, layout: layout).byteCount
      else { throw PlanError("\(name) is not coded as it says") }
      return
    }
    let elements = try checkedProduct([rows, columns, dtype.byteCount], "bytes of \(name)")
    guard elements <= byteCount, byteCount <= sizeLimit, layout == .panels || elements == byteCount else {
      throw PlanError("\(name) has \(byteCount) bytes for \(elements) bytes of numbers")
    }
  }
}

// What no size or product of sizes passes: far above any memory, far below what overflows.
let sizeLimit = 1 << 52

/// A product of sizes that are 0 or more.
func checkedProduct(_ factors: [Int], _ name: String) throws(PlanError) -> Int {
  var result = 1
  for factor in factors {
    let (next, overflows) = result.multipliedReportingOverflow(by: factor)
    guard factor >= 0, !overflows, next <= sizeLimit else {
      throw PlanError("\(name) are \(factors.map(String.init).joined(separator: " x "))")
    }
    result = next
  }
  return result
}

/// A sum of sizes that are 0 or more.
func checkedSum(_ terms: [Int], _ name: String) throws(PlanError) -> Int {
  var result = 0
  for term in terms {
    guard 0...sizeLimit ~= term, result + term <= sizeLimit else {
      throw PlanError("\(name) sum up to \(result), \(term)")
    }
    result += term
  }
  return result
}

/// What a dimension is in a step.
func checkedValue(of dim: Dim, _ counts: StepCounts, _ name: String) throws(PlanError) -> Int {
  try checkedProduct([dim.count, counts[dim.unit]], "\(dim.unit) of \(name)")
}
