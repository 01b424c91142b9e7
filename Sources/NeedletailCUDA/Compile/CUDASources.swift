import CNeedletailKernels
import NeedletailKernels

/// The CUDA sources that the binary carries.
///
///     let source = try CUDASources.source(for: launch.function, architecture: "sm_90a")
///     let kernel = try cache.kernel(source, architecture: "sm_90a") { try CUDALibraries.shared.nvrtc.get() }
public enum CUDASources {
  /// The texts by path: "norm/rms_norm.cu", "common/launch.cuh", "rms_norm.h".
  public static let files: [String: String] = {
    var count: Int64 = 0
    guard let first = nt_cuda_files(&count) else { return [:] }
    let table = UnsafeBufferPointer(start: first, count: Int(count))
    return Dictionary(
      table.map { file in
        let text = UnsafeRawBufferPointer(start: file.text, count: Int(file.byte_count))
        return (String(cString: file.path), String(decoding: text, as: UTF8.self))
      }, uniquingKeysWith: { first, _ in first })
  }()

  /// The paths of all sources that kernels are made of, sorted.
  public static var sources: [String] { files.keys.filter { $0.hasSuffix(".cu") }.sorted() }

  /// What a function is compiled from: its source and the headers that it includes, directly or not, and no others, so
  /// that its hash changes only with what it is made of.
  ///
  /// - Throws: `KernelSourceError` where there is no such source, where it includes a file that is not carried, or where
  ///   it is written for another architecture.
  public static func source(
    for function: GPUFunction, architecture: String
  ) throws(KernelSourceError) -> KernelSource {
    guard let text = files[function.source] else {
      throw KernelSourceError("the binary carries no CUDA source \(function.source)")
    }
    if let needed = requiredArchitecture(of: function.source), needed != architecture {
      throw KernelSourceError("\(function.source) is written for \(needed), not for \(architecture)")
    }
    return KernelSource(
      name: function.source, text: text, headers: try headers(of: text, in: function.source),
      defines: function.defines.map { KernelSource.Define($0.name, $0.value) })
  }

  /// The only architecture that a source is for, from its file's name: "sm_90a" for "matmul/sm90_matmul.cu"; nil: any.
  public static func requiredArchitecture(of source: String) -> String? {
    let name = source.split(separator: "/").last ?? ""
    guard name.hasPrefix("sm"), let mark = name.firstIndex(of: "_") else { return nil }
    let number = name[..<mark].dropFirst(2)
    return number.isEmpty || !number.allSatisfy(\.isNumber) ? nil : "sm_\(number)a"
  }

  /// The headers that a text includes, directly or not, sorted by name.
  private static func headers(of text: String, in name: String) throws(KernelSourceError) -> [KernelSource.Header] {
    var found: [String: String] = [:]
    var open = [(name, text)]
    while let (includer, text) = open.popLast() {
      for include in includes(in: text) where found[include] == nil {
        guard let text = files[include] else {
          throw KernelSourceError("\(includer) includes \"\(include)\", which the binary does not carry")
        }
        found[include] = text
        open.append((include, text))
      }
    }
    return found.sorted { $0.key < $1.key }.map { KernelSource.Header(name: $0.key, text: $0.value) }
  }

  /// The names in `#include "…"`, whatever the conditions around them.
  static func includes(in text: String) -> [String] {
    text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let line = Substring(line).drop { $0 == " " || $0 == "\t" }
      guard line.hasPrefix("#") else { return nil }
      let directive = line.dropFirst().drop { $0 == " " || $0 == "\t" }
      guard directive.hasPrefix("include") else { return nil }
      let parts = directive.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
      return parts.count == 3 ? String(parts[1]) : nil
    }
  }
}

/// A function that the binary has no source for.
public struct KernelSourceError: Error, Equatable, CustomStringConvertible {
  /// One sentence.
  public let description: String

  init(_ description: String) { self.description = description }
}
