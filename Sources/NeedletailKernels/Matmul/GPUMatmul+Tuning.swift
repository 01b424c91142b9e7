import NeedletailGraph

extension ProductProblem {
  /// What is worth measuring for a product of many rows, what `largeLaunch` chooses first: on Hopper the configurations
  /// that the model of the kernel finds fastest, elsewhere the kernel of warps; and the library. The list depends on the
  /// problem and the GPU only, so that a place in it names a choice.
  ///
  /// - Parameters:
  ///   - x: Where the activations lie.
  ///   - weight: Where the weight lies.
  ///   - librariesAllowed: Whether cuBLASLt is there and may be used.
  ///   - count: How many configurations of our kernel at most.
  public func tuningCandidates(
    on gpu: GPUTraits, x: BufferReference, weight: BufferReference, librariesAllowed: Bool, count: Int = 8
  ) -> [LargeProduct] {
    let usual = largeLaunch(on: gpu, x: x, weight: weight, librariesAllowed: librariesAllowed)
    var candidates = [usual]
    let isAligned = k % 8 == 0 && x.offset % 16 == 0 && weight.offset % 16 == 0
    let is16Bit = self.x == self.weight && self.x.byteCount == 2
    guard is16Bit, isAligned else { return candidates }
    if gpu.isHopper {
      let tiles = HopperMatmul.candidates.filter { $0.applies(to: self, on: gpu) }
        .map { (tile: $0, microseconds: $0.microseconds(self, on: gpu)) }
        .sorted { $0.microseconds < $1.microseconds }.prefix(count)
      for (tile, _) in tiles {
        candidates.append(.kernel(launch(tile, on: gpu, x: x, weight: weight, choice: "")))
      }
    }
    if librariesAllowed, let library = libraryProduct(choice: "") { candidates.append(.library(library)) }
    var seen: Set<LargeProduct> = []
    return candidates.filter { seen.insert($0.withoutChoice).inserted }
  }
}

extension LargeProduct {
  /// The same without the words about why.
  var withoutChoice: LargeProduct {
    switch self {
    case .kernel(var launch):
      launch.choice = ""
      return .kernel(launch)
    case .library(var product):
      product.choice = ""
      return .library(product)
    }
  }

  /// The same with words about why.
  public func chosen(_ choice: String) -> LargeProduct {
    switch self {
    case .kernel(var launch):
      launch.choice = choice
      return .kernel(launch)
    case .library(var product):
      product.choice = choice
      return .library(product)
    }
  }
}

extension Launch {
  /// The same launch by another kernel or library that takes the same arguments.
  public func computed(by product: LargeProduct, on gpu: GPUTraits) -> Launch {
    var launch = self
    switch product {
    case .kernel(var shape):
      shape.startsEarly = shape.startsEarly && gpu.hasBulkCopies
      (launch.gpu, launch.library) = (shape, nil)
    case .library(let library): (launch.gpu, launch.library) = (nil, library)
    }
    return launch
  }

  /// Where a field of the argument struct points, by its offset.
  public func reference(at offset: Int) -> BufferReference? {
    for patch in arguments.patches where patch.offset == offset {
      if case .address(let reference) = patch.value { return reference }
    }
    return nil
  }
}
