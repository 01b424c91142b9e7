import Testing

@testable import NeedletailCUDA

@Suite struct CubinFileTests {
  let kernel = CompiledKernel(
    cubin: (0..<1000).map { UInt8(truncatingIfNeeded: $0) }, loweredNames: ["add<float>": "_Z3addIfEv", "b": ""])

  @Test func roundTrip() {
    #expect(CompiledKernel(file: kernel.file()) == kernel)
    #expect(CompiledKernel(file: CompiledKernel(cubin: []).file()) == CompiledKernel(cubin: []))
  }

  @Test func everyDamageIsSeen() {
    let file = kernel.file()
    for place in file.indices {
      var damaged = file
      damaged[place] ^= 0x40
      #expect(CompiledKernel(file: damaged) == nil, "byte \(place)")
    }
    for count in 0..<file.count { #expect(CompiledKernel(file: Array(file[..<count])) == nil, "\(count) bytes") }
    #expect(CompiledKernel(file: file + [0]) == nil)
  }

  /// Counts that lie, under a checksum that is right.
  @Test func countsAreBounded() {
    for body: [UInt8] in [[255, 255, 255, 255], [0, 0, 0, 1, 255, 255, 255, 255], [0, 0, 0, 0, 0, 0, 1, 0, 1]] {
      #expect(CompiledKernel(file: Array("NTCUBIN1".utf8) + SHA256.hash(body) + body) == nil)
    }
  }

  @Test func keysTellSourcesApart() {
    let source = KernelSource(name: "a.cu", text: "x", headers: [.init(name: "h", text: "y")])
    func key(_ change: (inout KernelSource) -> Void) -> String {
      var changed = source
      change(&changed)
      return changed.key(architecture: "sm_90a", compiler: CUDAVersion(major: 13, minor: 0))
    }
    let keys = [
      key { _ in }, key { $0.name = "b.cu" }, key { $0.text = "" }, key { $0.headers = [] },
      key { $0.headers[0] = .init(name: "hy", text: "") }, key { $0.defines = [.init("A", 1)] },
      key { $0.defines = [.init("A", 2)] }, key { $0.options = [] }, key { $0.nameExpressions = ["f"] },
      source.key(architecture: "sm_80", compiler: CUDAVersion(major: 13, minor: 0)),
      source.key(architecture: "sm_90a", compiler: CUDAVersion(major: 12, minor: 9)),
      source.key(architecture: "sm_90a", compiler: nil),
    ]
    #expect(Set(keys).count == keys.count)
    #expect(keys[0] == key { _ in })
    #expect(keys.allSatisfy { $0.count == 64 })
  }
}
