import CNeedletailKernels
import NeedletailGraph

/// Bytes of the buffers that a plan's launches refer to; those of the cache for one block.
struct BufferSizes {
  let plan: Plan
  let counts: StepCounts
  let blockSize: Int
  let blocksPerSequence: Int
  let activationBytes: Int

  /// The buffers of a plan whose limits, weights, caches and values were found right.
  init(_ plan: Plan) {
    self.plan = plan
    counts = plan.limits.largestCounts
    blockSize = plan.limits.blockSize
    blocksPerSequence = plan.limits.blocksPerSequence
    activationBytes = plan.activationBytes
  }

  /// Nil where the plan has no such buffer.
  subscript(buffer: Buffer) -> Int? {
    switch buffer {
    case .value: nil
    case .activations: activationBytes
    case .weight(let index): plan.weights.indices.contains(index) ? plan.weights[index].byteCount : nil
    case .constant(let index): plan.constants.indices.contains(index) ? plan.constants[index].count * 4 : nil
    case .step(let input): bytes(of: input)
    case .cache(let layer): plan.caches.indices.contains(layer) ? blockSize * plan.caches[layer].bytesPerToken : nil
    case .input(let name): plan.inputs.first { $0.name == name }?.type.bytes(in: counts)
    case .output(let name): plan.outputs.first { $0.name == name }?.type.bytes(in: counts)
    case .counters: plan.target.device == "cuda" ? Buffer.counterBytes : nil
    case .chosenTokens: plan.target.device == "cuda" ? counts.scoredRows * 4 : nil
    }
  }

  private func bytes(of input: StepInput) -> Int {
    switch input {
    case .tokenIDs, .positions: counts.tokens * 4
    case .slots: counts.tokens * 8
    case .queryStarts: (counts.sequences + 1) * 4
    case .contextLengths: counts.sequences * 4
    case .blockTables: counts.sequences * blocksPerSequence * 4
    case .scoredRows: counts.scoredRows * 4
    }
  }
}

extension Launch {
  func validate(_ places: BufferSizes, _ name: String) throws(PlanError) {
    let size = arguments.bytes.count
    guard size <= 4096 else { throw PlanError("\(name): \(size) bytes of arguments") }
    for patch in arguments.patches {
      // Fields of eight bytes at their alignment.
      guard patch.offset >= 0, patch.offset % 8 == 0, patch.offset <= size - 8 else {
        throw PlanError("\(name): a field at \(patch.offset) of \(size) bytes of arguments")
      }
      if case .count(let dim) = patch.value { _ = try checkedValue(of: dim, places.counts, name) }
    }
    for reference in references {
      guard let bytes = places[reference.buffer] else { throw PlanError("\(name): there is no \(reference)") }
      guard 0..<max(bytes, 1) ~= reference.offset else {
        throw PlanError("\(name): \(reference) lies outside of \(bytes) bytes")
      }
    }
    try cost.validate(places.counts, name)
    if places.plan.target.device == "cuda", gpu == nil, library == nil {
      throw PlanError("\(name): nothing runs it on a GPU")
    }
    try gpu?.validate(places, name)
    guard let library else { return }
    guard size >= MemoryLayout<nt_matmul_arguments>.size else { throw PlanError("\(name): no arguments of a product") }
    _ = try checkedProduct(
      [library.n, library.k, 8, try checkedValue(of: library.rows, places.counts, name)], "sizes of \(name)")
    guard library.n > 0, library.k > 0 else { throw PlanError("\(name): a product of \(library.n) by \(library.k)") }
  }
}

extension GPULaunch {
  fileprivate func validate(_ places: BufferSizes, _ name: String) throws(PlanError) {
    guard 1...3 ~= grid.count, 1...1024 ~= threads, 0...1 << 18 ~= sharedBytes, 1...16 ~= cluster,
      tensorMaps.count <= 16
    else { throw PlanError("\(name): no shape of a launch") }
    for extent in grid {
      guard 0...Int(Int32.max) ~= extent.constant, extent.limit ?? 0 >= 0 else { throw PlanError("\(name): no grid") }
      for term in extent.terms {
        guard 1...Int(Int32.max) ~= term.divisor else { throw PlanError("\(name): a grid divided by \(term.divisor)") }
        _ = try checkedProduct(
          [try checkedValue(of: term.dim, places.counts, name) + 1, term.factor], "blocks of \(name)")
      }
    }
    for map in tensorMaps { try map.validate(places, name) }
  }
}

extension TensorMapPlan {
  fileprivate func validate(_ places: BufferSizes, _ name: String) throws(PlanError) {
    let rank = dimensions.count
    guard 1...5 ~= rank, strides.count == rank - 1, box.count == rank, dtype.byteCount > 0,
      dimensions.allSatisfy({ 1...Int(Int32.max) ~= $0 }), box.allSatisfy({ 1...256 ~= $0 }),
      strides.allSatisfy({ $0 > 0 && $0 % 16 == 0 }), [0, 32, 64, 128].contains(swizzle),
      [0, 64, 128, 256].contains(promotion), base.offset % 16 == 0
    else { throw PlanError("\(name): a tensor map that no copy engine takes") }
    // From the first byte to behind the last one; of the cache for one block, of which there are more.
    var end = try checkedProduct([dimensions[0], dtype.byteCount], "bytes of a row of \(name)")
    for (size, stride) in zip(dimensions.dropFirst(), strides) {
      end = try checkedSum(
        [end, try checkedProduct([size - 1, stride], "bytes of a tensor of \(name)")], "bytes of a tensor of \(name)")
    }
    guard let bytes = places[base.buffer], end <= bytes - base.offset else {
      throw PlanError("\(name): a tensor map of \(end) bytes at \(base) leaves its buffer")
    }
    guard isPerCacheBlock else { return }
    guard case .cache = base.buffer, let last = strides.last, dimensions[rank - 1] * last <= bytes else {
      throw PlanError("\(name): a tensor map whose blocks are not the cache's")
    }
  }
}

extension Cost {
  fileprivate func validate(_ counts: StepCounts, _ name: String) throws(PlanError) {
    guard 0...sizeLimit ~= weightBytes else { throw PlanError("\(name): a cost of \(weightBytes) bytes of weights") }
    for linear in [gatheredBytes, activationBytes, operations] {
      let terms = [
        (linear.constant, 1), (linear.perToken, counts.tokens), (linear.perSequence, counts.sequences),
        (linear.perScoredRow, counts.scoredRows), (linear.perDecode, counts.decodes),
      ]
      // What other launches count already may be taken off.
      for (factor, count) in terms {
        guard factor > Int.min else { throw PlanError("\(name): a cost of \(factor)") }
        _ = try checkedProduct([abs(factor), count], "costs of \(name)")
      }
    }
    guard let attention else { return }
    let bound = 1 << 32
    guard 0...bound ~= attention.operationsPerPair, 0...bound ~= attention.bytesPerCachedToken,
      attention.window ?? 1 > 0, attention.chunk ?? 1 > 0
    else { throw PlanError("\(name): a cost of attention that makes no sense") }
  }
}
