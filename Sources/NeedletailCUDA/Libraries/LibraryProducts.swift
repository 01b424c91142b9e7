import CNeedletailKernels
import NeedletailGraph
import NeedletailKernels
import Synchronization

/// The products of a plan that cuBLASLt computes: a handle, its workspace, and the algorithms of the row counts so far.
///
/// The workspace is one for all products, so they must run one after another: in one stream, or in graphs that are
/// launched into it.
public final class LibraryProducts: ProductRunner {
  /// Bytes that the library may use for partial sums.
  public static let workspaceBytes = 64 << 20

  private let handle: CUBLASLtHandle
  private let workspace: DeviceBuffer
  private let prepared = Mutex<[Key: Prepared]>([:])

  /// What an algorithm is chosen for.
  private struct Key: Hashable {
    var rows, n, k: Int
    var input, out: DType
    var addsResidual: Bool
  }

  private final class Prepared: Sendable {
    let product: CUBLASLtProduct
    init(_ product: consuming CUBLASLtProduct) { self.product = product }
  }

  /// Makes the handle and allocates the workspace.
  public init(_ library: CUBLASLt, _ context: Context) throws(CUDAError) {
    handle = try CUBLASLtHandle(library, context)
    workspace = try DeviceBuffer(context, byteCount: Self.workspaceBytes)
  }

  /// Chooses the algorithm for a number of rows, if that is not done yet; some tens of microseconds.
  public func prepare(_ product: LibraryProduct, rows: Int) throws(CUDAError) {
    _ = try preparation(product, rows: rows)
  }

  private func preparation(_ product: LibraryProduct, rows: Int) throws(CUDAError) -> Prepared {
    let key = Key(
      rows: rows, n: product.n, k: product.k, input: product.input, out: product.out,
      addsResidual: product.hasResidual)
    if let found = prepared.withLock({ $0[key] }) { return found }
    let made = Prepared(
      try CUBLASLtProduct(
        handle, rows: rows, columns: key.n, inner: key.k, input: try .init(key.input), output: try .init(key.out),
        addsResidual: key.addsResidual, workspaceLimit: Self.workspaceBytes))
    prepared.withLock { $0[key] = made }
    return made
  }

  /// Puts a product into a stream, one that is captured too. All addresses are the GPU's and multiples of 16.
  public func run(
    _ product: LibraryProduct, rows: Int, x: UInt64, weight: UInt64, residual: UInt64?, out: UInt64,
    in stream: borrowing Stream
  ) throws(CUDAError) {
    guard rows > 0 else { return }
    try preparation(product, rows: rows).product.run(
      handle, stream, x: x, weight: weight, residual: residual, out: out, workspace: workspace.address)
  }

  /// Puts a product into a stream; `arguments` is an `nt_matmul_arguments` with its addresses.
  public func run(
    _ product: LibraryProduct, arguments: UnsafeRawPointer, rows: Int, in stream: borrowing Stream
  ) throws {
    let arguments = arguments.load(as: nt_matmul_arguments.self)
    func address(_ pointer: UnsafeRawPointer?) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }
    try run(
      product, rows: rows, x: address(arguments.x), weight: address(arguments.w),
      residual: product.hasResidual ? address(arguments.residual) : nil, out: address(arguments.out), in: stream)
  }
}

extension CUBLASLtProduct.Element {
  /// The library's name for a storage type. Throws for those it is not asked to multiply.
  init(_ dtype: DType) throws(CUDAError) {
    switch dtype {
    case .float32: self = .float32
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    default: throw CUDAError("cuBLASLt is not asked for products of \(dtype.name)")
    }
  }
}
