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

  /// The row for a problem; nil elsewhere than on an H200 or an H100, and for other shapes.
  static func row(for problem: ProductProblem, on gpu: GPUTraits) -> MeasuredMatmul? {
    guard gpu.isHopper, gpu.multiprocessors == GPUTraits.h200.multiprocessors else { return nil }
    let epilogue: Epilogue = problem.gate != nil ? .gate : problem.hasResidual ? .residual : .none
    return table.first {
      $0.n == problem.n && $0.k == problem.k && $0.epilogue == epilogue && $0.rows.contains(problem.maximumRows)
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
    MeasuredMatmul(6144, 4096, .none, 65...128, .init(128, 96, stages: 6, splits: 2), kernel: 16.7, library: 16.6),
    MeasuredMatmul(6144, 4096, .none, 129...256, .init(128, 96, stages: 6, .weight), kernel: 24.0, library: 22.9),
    MeasuredMatmul(6144, 4096, .none, 257...512, .init(128, 192, .weight), kernel: 34.8, library: 34.8),
    MeasuredMatmul(6144, 4096, .none, 513...1024, .init(128, 192, .weight), kernel: 74.8, library: 83.5),
    MeasuredMatmul(6144, 4096, .none, 1025...65536, .init(128, 256, .weight), kernel: 634.5, library: 626.3),
    MeasuredMatmul(
      4096, 4096, .residual, 129...256, .init(128, 128, stages: 6, splits: 2), kernel: 21.3, library: 19.2),
    MeasuredMatmul(4096, 4096, .residual, 1025...65536, .init(128, 256, .weight), kernel: 411.0, library: 418.8),
    MeasuredMatmul(28672, 4096, .gate, 129...256, .init(256, 112), kernel: 97.3, library: 109.1),
    MeasuredMatmul(28672, 4096, .gate, 257...65536, .init(128, 256, .weight), kernel: 2810, library: 2804),
    MeasuredMatmul(
      4096, 14336, .residual, 129...256, .init(128, 144, stages: 5, .weight, splits: 2), kernel: 51.7, library: 51.9),
    MeasuredMatmul(4096, 14336, .residual, 1025...65536, .init(128, 256, .weight), kernel: 1445.8, library: 1314.9),
  ]
}
