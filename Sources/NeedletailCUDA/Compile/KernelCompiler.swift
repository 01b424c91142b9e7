import CNeedletailCUDA

/// Compiles CUDA C++ with NVRTC; needs no GPU. Safe from several threads at once.
public struct KernelCompiler: Sendable {
  /// The compiler it calls.
  public let nvrtc: NVRTC

  /// A compiler that calls an open NVRTC.
  public init(_ nvrtc: NVRTC) {
    self.nvrtc = nvrtc
  }

  /// Compiles a source for an architecture, as "sm_90a", to machine code. Throws a `KernelCompileError` with the
  /// compiler's log where the source is wrong, and a `CUDAError` where the compiler itself fails.
  public func compile(_ source: KernelSource, architecture: String) throws -> CompiledKernel {
    let functions = nvrtc.functions
    let texts = CStringList(source.headers.map(\.text))
    let names = CStringList(source.headers.map(\.name))
    let options = CStringList(source.arguments(architecture: architecture))
    var program: UInt = 0
    try check(
      functions.createProgram(
        &program, source.text, source.name, Int32(source.headers.count), texts.pointers, names.pointers),
      "nvrtcCreateProgram", in: nvrtc, source.name)
    defer { _ = functions.destroyProgram(&program) }
    for expression in source.nameExpressions {
      try check(
        functions.addNameExpression(program, expression), "nvrtcAddNameExpression", in: nvrtc,
        "\(expression) in \(source.name)")
    }
    let code = functions.compileProgram(program, Int32(options.count), options.pointers)
    do throws(CUDAError) {
      try check(code, "nvrtcCompileProgram", in: nvrtc, "\(source.name) for \(architecture)")
    } catch {
      throw KernelCompileError(source, architecture: architecture, error: error, log: log(program))
    }
    var lowered: [String: String] = [:]
    for expression in source.nameExpressions {
      var name: UnsafePointer<CChar>?
      try check(
        functions.getLoweredName(program, expression, &name), "nvrtcGetLoweredName", in: nvrtc,
        "\(expression) in \(source.name)")
      lowered[expression] = name.map { String(cString: $0) }
    }
    var size = 0
    try check(functions.getCUBINSize(program, &size), "nvrtcGetCUBINSize", in: nvrtc, source.name)
    guard size > 0 else {
      throw CUDAError(
        "\(source.name): NVRTC made no machine code for \(architecture); it must be named sm_, not compute_")
    }
    var cubin = [UInt8](repeating: 0, count: size)
    let got = cubin.withUnsafeMutableBytes { buffer in
      buffer.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { functions.getCUBIN(program, $0) } ?? -1 }
    }
    try check(got, "nvrtcGetCUBIN", in: nvrtc, source.name)
    return CompiledKernel(cubin: cubin, loweredNames: lowered)
  }

  private func log(_ program: UInt) -> String {
    var size = 0
    guard nvrtc.functions.getProgramLogSize(program, &size) == 0, size > 1 else { return "" }
    var log = [CChar](repeating: 0, count: size + 1)
    guard nvrtc.functions.getProgramLog(program, &log) == 0 else { return "" }
    return string(log)
  }
}

/// C strings in one piece of memory, for functions that take an array of them.
private final class CStringList {
  let count: Int
  let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
  private let storage: UnsafeMutablePointer<CChar>

  init(_ texts: [String]) {
    count = texts.count
    let utf8 = texts.map { Array($0.utf8) }
    storage = .allocate(capacity: utf8.reduce(1) { $0 + $1.count + 1 })
    pointers = .allocate(capacity: max(texts.count, 1))
    var next = storage
    for (i, bytes) in utf8.enumerated() {
      (pointers + i).initialize(to: UnsafePointer(next))
      for byte in bytes {
        next.initialize(to: CChar(bitPattern: byte))
        next += 1
      }
      next.initialize(to: 0)
      next += 1
    }
  }

  deinit {
    pointers.deallocate()
    storage.deallocate()
  }
}
