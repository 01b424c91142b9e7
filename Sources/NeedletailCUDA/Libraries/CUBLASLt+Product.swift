import CNeedletailCUDA

/// A handle of cuBLASLt for one context.
public struct CUBLASLtHandle: ~Copyable, Sendable {
  /// The library.
  public let library: CUBLASLt
  /// The context it belongs to.
  public let context: Context
  let handle: UInt

  /// A handle; making one takes some milliseconds and memory of the GPU.
  public init(_ library: CUBLASLt, _ context: Context) throws(CUDAError) {
    try context.makeCurrent()
    var handle: UInt = 0
    try check(library.functions.create(&handle), "cublasLtCreate", in: library, context.device.name)
    self.library = library
    self.context = context
    self.handle = handle
  }

  deinit {
    if (try? context.makeCurrent()) != nil { _ = library.functions.destroy(handle) }
  }
}

/// The product out = x · weightᵀ (+ residual) with x [rows, inner], weight [columns, inner], out and residual
/// [rows, columns], each row after row, accumulated in float32. The residual has out's type and may be out itself. The
/// algorithm is chosen when it is made.
public struct CUBLASLtProduct: ~Copyable, Sendable {
  private let library: CUBLASLt
  private let context: Context
  private let description: UInt
  /// Layouts of weight, x and out.
  private let layouts: (UInt, UInt, UInt)
  private let algorithm: nt_cublaslt_algorithm
  private let addsResidual: Bool
  /// Bytes of workspace that a run needs; at most what was allowed.
  public let workspaceBytes: Int

  /// Types of elements.
  public enum Element: Int32, Sendable {
    case float32 = 0
    case float16 = 2
    case bfloat16 = 14
  }

  /// Asks the library for its best algorithm with at most `workspaceLimit` bytes of workspace. Throws where there is
  /// none.
  public init(
    _ handle: borrowing CUBLASLtHandle, rows: Int, columns: Int, inner: Int, input: Element, output: Element,
    addsResidual: Bool = false, workspaceLimit: Int
  ) throws(CUDAError) {
    let library = handle.library
    let functions = library.functions
    let detail = "\(rows) x \(columns) x \(inner), \(input) to \(output)"
    try handle.context.makeCurrent()
    var (description, preference): (UInt, UInt) = (0, 0)
    var layouts: (UInt, UInt, UInt) = (0, 0, 0)
    var heuristic = nt_cublaslt_heuristic()
    func dropAll() {
      for layout in [layouts.0, layouts.1, layouts.2] where layout != 0 { _ = functions.layoutDestroy(layout) }
      if description != 0 { _ = functions.matmulDescDestroy(description) }
    }
    defer { if preference != 0 { _ = functions.preferenceDestroy(preference) } }
    do throws(CUDAError) {
      try check(
        functions.matmulDescCreate(&description, Int32(NT_CUBLAS_COMPUTE_32F), Int32(NT_CUDA_R_32F)),
        "cublasLtMatmulDescCreate", in: library, detail)
      // The library counts columns first: it computes outᵀ = weight · xᵀ, with the weight given as its transpose.
      var transposed: Int32 = 1
      try check(
        functions.matmulDescSetAttribute(description, Int32(NT_CUBLASLT_DESC_TRANSPOSE_A), &transposed, 4),
        "cublasLtMatmulDescSetAttribute", in: library, detail)
      func layout(_ type: Element, _ rows: Int, _ columns: Int) throws(CUDAError) -> UInt {
        var layout: UInt = 0
        try check(
          functions.layoutCreate(&layout, type.rawValue, UInt64(rows), UInt64(columns), Int64(rows)),
          "cublasLtMatrixLayoutCreate", in: library, detail)
        return layout
      }
      layouts.0 = try layout(input, inner, columns)
      layouts.1 = try layout(input, inner, rows)
      layouts.2 = try layout(output, columns, rows)
      try check(functions.preferenceCreate(&preference), "cublasLtMatmulPreferenceCreate", in: library, detail)
      var limit = workspaceLimit
      try check(
        functions.preferenceSetAttribute(
          preference, Int32(NT_CUBLASLT_PREFERENCE_WORKSPACE_BYTES), &limit, MemoryLayout<Int>.size),
        "cublasLtMatmulPreferenceSetAttribute", in: library, detail)
      var found: Int32 = 0
      try check(
        functions.getHeuristic(
          handle.handle, description, layouts.0, layouts.1, layouts.2, layouts.2, preference, 1, &heuristic, &found),
        "cublasLtMatmulAlgoGetHeuristic", in: library, detail)
      guard found > 0 else { throw CUDAError("cuBLASLt has no algorithm for \(detail)") }
    } catch {
      dropAll()
      throw error
    }
    self.library = library
    context = handle.context
    self.description = description
    self.layouts = layouts
    self.addsResidual = addsResidual
    algorithm = heuristic.algorithm
    workspaceBytes = heuristic.workspace_bytes
  }

  deinit {
    for layout in [layouts.0, layouts.1, layouts.2] { _ = library.functions.layoutDestroy(layout) }
    _ = library.functions.matmulDescDestroy(description)
  }

  /// Puts the product into a stream, one that is captured too; all addresses are the GPU's, multiples of 16, the
  /// workspace's of 256. The residual's is needed where one is added.
  public func run(
    _ handle: borrowing CUBLASLtHandle, _ stream: borrowing Stream, x: UInt64, weight: UInt64,
    residual: UInt64? = nil, out: UInt64, workspace: UInt64
  ) throws(CUDAError) {
    precondition((residual != nil) == addsResidual, "a residual is \(addsResidual ? "missing" : "not added")")
    try context.makeCurrent()
    var (one, share): (Float, Float) = (1, addsResidual ? 1 : 0)
    var algorithm = algorithm
    try check(
      library.functions.matmul(
        handle.handle, description, &one, weight, layouts.0, x, layouts.1, &share, residual ?? out, layouts.2, out,
        layouts.2, &algorithm, workspace, workspaceBytes, stream.handle), "cublasLtMatmul", in: library)
  }
}
