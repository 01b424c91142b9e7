import Foundation
import NeedletailKernels
import Testing

@testable import NeedletailCUDA

@Suite struct CUDASourcesTests {
  private static let kernels = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Sources/CNeedletailKernels").path

  /// The files below a folder, by their path in it.
  private static func files(_ folder: String) -> [String: String] {
    let root = kernels + "/" + folder
    let paths = (FileManager.default.enumerator(atPath: root)?.allObjects as? [String]) ?? []
    return Dictionary(
      uniqueKeysWithValues: paths.compactMap { path in
        (try? String(contentsOfFile: root + "/" + path, encoding: .utf8)).map { (path, $0) }
      })
  }

  /// `scripts/make-cuda-table` writes the list that this is about.
  @Test func allFilesAreCarried() {
    var expected = Self.files("cuda").filter { $0.key.hasSuffix(".cu") || $0.key.hasSuffix(".cuh") }
    #expect(!expected.isEmpty)
    let forTheHost: Set = ["cpu.h", "cuda_sources.h", "CNeedletailKernels.h", "module.modulemap"]
    expected.merge(Self.files("include").filter { !forTheHost.contains($0.key) }) { first, _ in first }
    let missing = expected.keys.filter { CUDASources.files[$0] == nil }.sorted()
    #expect(missing == [], "run scripts/make-cuda-table")
    let surplus = CUDASources.files.keys.filter { expected[$0] == nil }.sorted()
    #expect(surplus == [], "run scripts/make-cuda-table")
    for (path, text) in expected { #expect(CUDASources.files[path] == text, "\(path) is an old one") }
  }

  /// A file that includes what is not carried would be found out on a user's machine only.
  @Test func allIncludesAreCarried() {
    for source in CUDASources.sources {
      let architecture = CUDASources.requiredArchitecture(of: source) ?? "sm_80"
      #expect(throws: Never.self) {
        try CUDASources.source(for: GPUFunction(source, entry: "x"), architecture: architecture)
      }
    }
    for (path, text) in CUDASources.files {
      #expect(!text.utf8.contains { $0 >= 0x80 }, "\(path) has letters that are not ASCII")
      #expect(!text.contains("#include <"), "\(path) includes a header of the toolkit, which users may lack")
    }
  }

  @Test func includesAreFound() {
    let text = """
      // #include "no.h"
      #include "a/b.cuh"  // why
        #  include	"types.h"
      #include <stdint.h>
      #define X "include"
      """
    #expect(CUDASources.includes(in: text) == ["a/b.cuh", "types.h"])
  }

  @Test func architecturesOfNames() {
    #expect(CUDASources.requiredArchitecture(of: "matmul/sm90_matmul.cu") == "sm_90a")
    #expect(CUDASources.requiredArchitecture(of: "matmul/sm100_matmul.cu") == "sm_100a")
    #expect(CUDASources.requiredArchitecture(of: "matmul/matmul.cu") == nil)
    #expect(CUDASources.requiredArchitecture(of: "matmul/small_matmul.cu") == nil)
  }

  @Test func whatIsNotThereIsSaid() {
    let error = #expect(throws: KernelSourceError.self) {
      try CUDASources.source(for: GPUFunction("norm/absent.cu", entry: "absent"), architecture: "sm_90a")
    }
    #expect(error?.description == "the binary carries no CUDA source norm/absent.cu")
  }
}
