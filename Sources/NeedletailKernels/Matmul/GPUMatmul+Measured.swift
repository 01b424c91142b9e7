import NeedletailGraph

/// A row of the table of measured products: what is fastest for a weight and a range of row counts, and by how much.
///
/// Measured on an H200, bfloat16, by replays of a graph whose products read weights that are not in the second-level
/// cache; the library is cuBLASLt 13.1.
struct MeasuredMatmul: Sendable {
  /// What stands behind the product.
  enum Epilogue: Sendable {
    /// Nothing, or a bias.
    case none
    /// A float32 residual and result.
    case residual
    /// A gate.
    case gate
  }

  var n: Int
  var k: Int
  var epilogue: Epilogue
  /// The most rows of a step that the row is for.
  var rows: ClosedRange<Int>
  /// Our kernel's best configuration.
  var tile: HopperMatmul
  /// Microseconds at the range's end: our kernel and the library; the latter without a gate.
  var kernel, library: Double

  /// Whether the library is used where it may: it must win by more than the start that our kernels save by waiting for
  /// the kernel before them themselves.
  var prefersLibrary: Bool { epilogue != .gate && library < 0.97 * kernel }

  /// The row for a problem; nil elsewhere than on an H200 or an H100, for other shapes, and where its tile is not for
  /// the problem.
  static func row(for problem: ProductProblem, on gpu: GPUTraits) -> MeasuredMatmul? {
    guard gpu.isHopper, gpu.multiprocessors == GPUTraits.h200.multiprocessors else { return nil }
    let epilogue: Epilogue = problem.gate != nil ? .gate : problem.hasResidual ? .residual : .none
    return table.first {
      $0.n == problem.n && $0.k == problem.k && $0.epilogue == epilogue && $0.rows.contains(problem.maximumRows)
        && $0.tile.applies(to: problem, on: gpu)
    }
  }

  private init(
    _ n: Int, _ k: Int, _ epilogue: Epilogue, _ rows: ClosedRange<Int>, _ tile: HopperMatmul, kernel: Double,
    library: Double
  ) {
    self.n = n
    self.k = k
    self.epilogue = epilogue
    self.rows = rows
    self.tile = tile
    self.kernel = kernel
    self.library = library
  }

  /// Llama 3 8B: queries, keys and values; attention's output; gates and values; down; logits.
  static let table: [MeasuredMatmul] = [
    MeasuredMatmul(6144, 4096, .none, 65...128, .init(128, 96, splits: 2), kernel: 15.9, library: 16.1),
    MeasuredMatmul(6144, 4096, .none, 129...256, .init(128, 96, .weight), kernel: 20.0, library: 21.0),
    MeasuredMatmul(6144, 4096, .none, 257...512, .init(128, 192, .weight), kernel: 34.5, library: 34.8),
    MeasuredMatmul(6144, 4096, .none, 513...1024, .init(128, 192, .weight), kernel: 66.6, library: 66.8),
    MeasuredMatmul(6144, 4096, .none, 1025...2048, .init(128, 256, .weight), kernel: 129.6, library: 128.9),
    MeasuredMatmul(6144, 4096, .none, 2049...65536, .init(128, 256, .weight), kernel: 515.5, library: 506.5),
    MeasuredMatmul(4096, 4096, .residual, 65...128, .init(128, 64, splits: 2), kernel: 12.4, library: 13.7),
    MeasuredMatmul(4096, 4096, .residual, 129...256, .inParts(2, tileColumns: 128), kernel: 16.4, library: 16.9),
    MeasuredMatmul(4096, 4096, .residual, 257...512, .init(128, 128, .weight), kernel: 27.3, library: 26.4),
    MeasuredMatmul(4096, 4096, .residual, 513...1024, .init(128, 256, .weight), kernel: 50.6, library: 53.9),
    MeasuredMatmul(4096, 4096, .residual, 1025...2048, .init(128, 256, .weight), kernel: 102.3, library: 104.6),
    MeasuredMatmul(4096, 4096, .residual, 2049...65536, .init(128, 256, .weight), kernel: 403.3, library: 414.3),
    MeasuredMatmul(28672, 4096, .gate, 65...128, .init(128, 224), kernel: 58.2, library: 64.1),
    MeasuredMatmul(28672, 4096, .gate, 129...256, .init(128, 224, .weight), kernel: 81.0, library: 87.0),
    MeasuredMatmul(28672, 4096, .gate, 257...512, .init(128, 224, .weight), kernel: 155.1, library: 151.9),
    MeasuredMatmul(28672, 4096, .gate, 513...2048, .init(128, 256, .weight), kernel: 597.6, library: 594.0),
    MeasuredMatmul(28672, 4096, .gate, 2049...65536, .init(128, 256, .weight), kernel: 2401, library: 2343),
    MeasuredMatmul(4096, 14336, .residual, 65...128, .init(128, 64, splits: 2), kernel: 32.9, library: 37.1),
    MeasuredMatmul(4096, 14336, .residual, 129...256, .inParts(2, tileColumns: 128), kernel: 46.2, library: 49.1),
    MeasuredMatmul(4096, 14336, .residual, 257...512, .init(128, 128, .weight), kernel: 83.2, library: 79.4),
    MeasuredMatmul(4096, 14336, .residual, 513...1024, .init(128, 256, .weight), kernel: 155.5, library: 156.6),
    MeasuredMatmul(4096, 14336, .residual, 1025...2048, .init(128, 256, .weight), kernel: 309.8, library: 305.4),
    MeasuredMatmul(4096, 14336, .residual, 2049...65536, .init(128, 256, .weight), kernel: 1251, library: 1240),
    MeasuredMatmul(128_256, 4096, .none, 65...128, .init(128, 144), kernel: 277.5, library: 273.1),
  ]
}
