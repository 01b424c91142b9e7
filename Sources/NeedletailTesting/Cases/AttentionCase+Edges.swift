import NeedletailGraph

extension AttentionCase {
  /// Shapes at which it breaks first.
  public static var edges: [AttentionCase] {
    let shape = Reference.AttentionShape(heads: 4, kvHeads: 2, headDim: 32, valueDim: 32)
    var edges: [AttentionCase] = []
    // Around tiles and blocks, as one prompt, as a decode, and as both in one step.
    for context in [1, 2, 15, 16, 17, 63, 64, 65, 129] {
      edges.append(AttentionCase([Sequence(1, queries: context, context: context)], shape, cache: .bfloat16))
      edges.append(
        AttentionCase(
          [
            Sequence(1, queries: 1, context: context), Sequence(2, queries: min(3, context), context: context),
            Sequence(3, queries: 1, context: 70),
          ], shape, q: .bfloat16, cache: .bfloat16))
    }
    for (index, size) in [1, 3, 15, 16, 17, 33, 64, 80, 128, 256].enumerated() {
      var edge = AttentionCase(
        [Sequence(1, queries: 5, context: 70)],
        .init(heads: 3, kvHeads: [1, 3][index % 2], headDim: size, valueDim: [size, 24][index % 2]))
      edge.blockSize = [1, 16, 64, 7][index % 4]
      edge.gap = index
      edges.append(edge)
    }
    let types: [DType] = [.float32, .bfloat16, .float16]
    for q in types {
      for cache in types {
        for out in types {
          var edge = AttentionCase(
            [Sequence(1, queries: 2, context: 40), Sequence(2, queries: 1, context: 9)], shape, q: q, cache: cache)
          edge.out = out
          edge.gap = 5
          edges.append(edge)
        }
      }
    }
    for window in [1, 2, 16, 63, 64, 65, 1000] {
      var edge = AttentionCase(
        [Sequence(1, queries: 130, context: 200), Sequence(2, queries: 1, context: 150)], shape, cache: .bfloat16)
      edge.options.window = window
      edge.hasSinks = window % 2 == 0
      edges.append(edge)
    }
    for (index, chunk) in [1, 7, 16, 64, 65, 128, 1000].enumerated() {
      var edge = AttentionCase(
        [Sequence(1, queries: 200, context: 300), Sequence(2, queries: 1, context: 129)], shape,
        q: index % 2 == 0 ? .bfloat16 : .float32, cache: index % 2 == 0 ? .bfloat16 : .float32)
      edge.options.chunk = chunk
      edge.options.window = index == 3 ? 40 : nil
      edges.append(edge)
    }
    var capped = AttentionCase([Sequence(1, queries: 20, context: 100)], shape)
    capped.options.softcap = 5
    edges.append(capped)
    capped.options.alibiSlopes = [0.5, 0.25, 0.125, 0.0625]
    edges.append(capped)
    capped.hasSinks = true
    capped.options.window = 33
    edges.append(capped)
    edges.append(AttentionCase([], shape))
    edges += latent
    edges.append(AttentionCase([Sequence(1, queries: 1, context: 4097)], shape, q: .bfloat16, cache: .bfloat16))
    // As the three cases of a launch's parallelism: many heads, one head and many queries, many sequences.
    edges.append(
      AttentionCase(
        (0..<40).map { Sequence($0, queries: 1, context: 1 + $0 * 3) },
        .init(heads: 32, kvHeads: 8, headDim: 16, valueDim: 16)))
    edges.append(
      AttentionCase(
        [Sequence(1, queries: 300, context: 300)], .init(heads: 1, kvHeads: 1, headDim: 16, valueDim: 16)))
    return edges
  }

  /// Values that are part of the keys: one key head of many queries, as latent attention has it, and others.
  private static var latent: [AttentionCase] {
    let shapes: [Reference.AttentionShape] = [
      .init(heads: 16, kvHeads: 1, headDim: 576, valueDim: 512), .init(heads: 5, kvHeads: 1, headDim: 24, valueDim: 16),
      .init(heads: 6, kvHeads: 3, headDim: 40, valueDim: 40), .init(heads: 3, kvHeads: 1, headDim: 7, valueDim: 5),
    ]
    return shapes.enumerated().flatMap { index, shape in
      [DType.float32, .bfloat16, .float16].map { cache in
        var edge = AttentionCase(
          [
            Sequence(1, queries: 1, context: 130), Sequence(2, queries: 3, context: 70),
            Sequence(3, queries: 17, context: 17),
          ], shape, q: cache, cache: cache)
        edge.options.valuesFromKeys = shape.valueDim
        edge.blockSize = [64, 16, 1, 7][index]
        edge.hasSinks = index == 2
        return edge
      }
    }
  }

  /// A problem of moderate size.
  public static func random(_ numbers: inout SeededNumbers) -> AttentionCase {
    let types: [DType] = [.float32, .bfloat16, .float16]
    let kvHeads = numbers.next(in: 1...3)
    let headDim = numbers.pick([16, 20, 32, 64, 128])
    let shape = Reference.AttentionShape(
      heads: kvHeads * numbers.next(in: 1...4), kvHeads: kvHeads, headDim: headDim,
      valueDim: numbers.pick([headDim, 16, 48]))
    let sequences = (0..<numbers.next(in: 1...4)).map { number in
      let context = numbers.next(in: 1...150)
      return Sequence(number, queries: min(context, numbers.pick([1, 1, 2, 40])), context: context)
    }
    var problem = AttentionCase(sequences, shape, q: numbers.pick(types), cache: numbers.pick(types))
    problem.out = numbers.pick(types)
    problem.blockSize = numbers.pick([1, 8, 16, 32])
    problem.options.window = numbers.pick([nil, nil, 1, 20, 64])
    problem.options.softcap = numbers.pick([nil, nil, 10])
    problem.hasSinks = numbers.next(in: 0...3) == 0
    problem.gap = numbers.next(in: 0...4)
    problem.seed = numbers.next()
    return problem
  }
}
