import NeedletailJSON
import NeedletailModels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Files beside the tests.
enum Fixture {
  static let folder = #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/Fixtures"

  static func json(_ name: String) throws -> JSON {
    guard let file = fopen("\(folder)/\(name)", "r") else { throw ConfigError("\(name) cannot be opened") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return try JSON.parse(bytes)
  }

  /// The names, sorted, of the files in a folder that end so, without the ending.
  static func names(in name: String, ending: String) -> [String] {
    guard let handle = opendir("\(folder)/\(name)") else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let file = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if file.hasSuffix(ending) { names.append(String(file.dropLast(ending.count))) }
    }
    return names.sorted()
  }

  /// A small config, with fields of one's own.
  static func config(_ fields: [String: JSON] = [:]) throws -> ConfigJSON {
    var members = JSONObject([
      ("model_type", "llama"), ("hidden_size", 64), ("intermediate_size", 184), ("num_hidden_layers", 2),
      ("num_attention_heads", 4), ("num_key_value_heads", 2), ("vocab_size", 320), ("max_position_embeddings", 512),
    ])
    for (name, value) in fields { members[name] = value }
    return try ConfigJSON(.object(members))
  }

  /// The sentence of the error that a small config with these fields throws, "" if it throws none.
  static func complaint(_ fields: [String: JSON]) -> String {
    do {
      _ = try ModelTable.standard.model(for: config(fields))
      return ""
    } catch { return "\(error)" }
  }
}
