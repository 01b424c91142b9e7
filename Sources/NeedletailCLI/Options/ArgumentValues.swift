import ArgumentParser
import Needletail

// What options may be written as.

/// A number of bytes: "1048576", "512M", "4G" (powers of 1024).
package struct ByteCount: ExpressibleByArgument {
  /// Bytes.
  package let value: Int

  package init?(argument: String) {
    var digits = argument[...]
    var factor = 1
    if digits.hasSuffix("iB") { digits = digits.dropLast(2) }
    if let last = digits.last?.lowercased(), let power = ["k", "m", "g", "t"].firstIndex(of: last) {
      for _ in 0...power { factor *= 1024 }
      digits = digits.dropLast()
    }
    guard let number = Int(digits), number >= 0 else { return nil }
    let (value, isTooLarge) = number.multipliedReportingOverflow(by: factor)
    guard !isTooLarge else { return nil }
    self.value = value
  }
}

/// Numbers with commas between them: "1,2,3".
package struct NumberList: ExpressibleByArgument {
  /// The numbers.
  package let values: [Int]

  package init(_ values: [Int]) { self.values = values }

  package init?(argument: String) {
    var values: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let part = part.filter { $0 != " " }
      guard let value = Int(part) else { return nil }
      values.append(value)
    }
    self.values = values
  }

  package var defaultValueDescription: String { values.map(String.init).joined(separator: ",") }

  /// The numbers as token ids.
  func tokenIDs(_ option: String) throws -> [Int32] {
    try values.map { value in
      guard let id = Int32(exactly: value), id >= 0 else { throw UsageError("\(option): \(value) is no token id") }
      return id
    }
  }
}

/// A bias of a token: "1234=-5", "7=-inf".
package struct TokenBias: ExpressibleByArgument {
  /// The token.
  package let token: Int32
  /// What is added to its logit.
  package let bias: Float

  package init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let token = Int32(parts[0]), let bias = Float(parts[1]) else { return nil }
    self.token = token
    self.bias = bias
  }
}

/// A storage type of products or of the cache; "auto" leaves the choice to the model.
enum DTypeChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, float32, bfloat16, float16, fp8, int8

  /// The type; nil for "auto".
  func dtype(_ option: String) throws -> DType? {
    switch self {
    case .auto: return nil
    case .float32: return .float32
    case .bfloat16: return .bfloat16
    case .float16: return .float16
    case .fp8 where option == "--kv-cache-dtype": return .float8e4m3
    case .int8 where option == "--kv-cache-dtype": return .int8
    case .fp8, .int8:
      throw UsageError("\(option) cannot be \(rawValue); choose float32, bfloat16 or float16, and see --quantize")
    }
  }
}

/// A switch that is written out.
enum Switch: String, ExpressibleByArgument, CaseIterable {
  case on, off
}

/// Whose kernels run.
enum Libraries: String, ExpressibleByArgument, CaseIterable {
  case all, none
}

extension LoadOptions.DeviceChoice: ExpressibleByArgument {}
extension LoadOptions.LoadFormat: ExpressibleByArgument {}
extension CapacityPolicy: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}
