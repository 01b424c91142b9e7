#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension ModelDirectory {
  /// The directory a `--model` value means: itself where it is one, else a snapshot in the Hugging Face cache.
  static func locate(_ model: String, environment: (String) -> String?) throws(CheckpointError) -> String {
    guard FileSystem.isValid(model) else { throw CheckpointError("", "the model's name is empty or holds a NUL") }
    switch FileSystem.kind(model) {
    case .directory: return model
    case .file, .other: throw CheckpointError(model, "is not a directory; give the directory that holds config.json")
    case nil: break
    }
    guard isRepositoryName(model) else {
      throw CheckpointError(quoted(model), "there is no such directory, and it is no ORG/NAME of a model either")
    }
    let cache = HuggingFaceCache(environment: environment)
    guard let snapshot = try cache.snapshot(of: model) else {
      throw CheckpointError(
        model,
        "there is no such directory, and the Hugging Face cache (\(cache.path)) does not have the model: "
          + "fetch it with `hf download \(model)`")
    }
    return snapshot
  }

  /// The directory in which `ORG/NAME` is looked up, whether it exists or not.
  public static func cachePath(environment: (String) -> String? = Self.environmentVariable) -> String {
    HuggingFaceCache(environment: environment).path
  }

  /// A variable of the process's environment, nil where it is unset or empty.
  public static func environmentVariable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// `NAME` or `ORG/NAME` of letters, digits, `-`, `_` and `.`, as the hub allows.
  static func isRepositoryName(_ text: String) -> Bool {
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count <= 2, text.utf8.count <= 96 else { return false }
    return parts.allSatisfy { part in
      guard let first = part.first, let last = part.last else { return false }
      return first != UInt8(ascii: ".") && first != UInt8(ascii: "-") && last != UInt8(ascii: ".")
        && part.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
          default: false
          }
        }
    }
  }
}

/// The directory in which Hugging Face's tools keep what they download.
///
/// `models--ORG--NAME/refs/main` holds the name of a folder of `snapshots`, whose files are links into `blobs`.
struct HuggingFaceCache {
  let path: String

  /// `HF_HUB_CACHE`, else `HF_HOME/hub`, else `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`.
  init(environment: (String) -> String?) {
    let home = environment("HOME") ?? "/"
    func expanded(_ path: String) -> String {
      path == "~" ? home : path.hasPrefix("~/") ? FileSystem.join(home, String(path.dropFirst(2))) : path
    }
    // The second name is the first one's predecessor and still read by the tools.
    if let hub = environment("HF_HUB_CACHE") ?? environment("HUGGINGFACE_HUB_CACHE") {
      path = expanded(hub)
    } else if let base = environment("HF_HOME") {
      path = FileSystem.join(expanded(base), "hub")
    } else {
      let caches = environment("XDG_CACHE_HOME").map(expanded) ?? FileSystem.join(home, ".cache")
      path = FileSystem.join(caches, "huggingface/hub")
    }
  }

  /// The snapshot of a model's main revision, or nil where the cache has none.
  func snapshot(of model: String) throws(CheckpointError) -> String? {
    let folder = "models--" + model.split(separator: "/").joined(separator: "--")
    let repository = FileSystem.join(path, folder)
    guard FileSystem.kind(repository) == .directory else { return nil }
    let snapshots = FileSystem.join(repository, "snapshots")
    let reference = FileSystem.join(repository, "refs/main")
    if FileSystem.kind(reference) == .file {
      let bytes = try FileSystem.read(reference, limit: 4096)
      let revision = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined()
      guard ModelDirectory.isRepositoryName(revision), !revision.utf8.contains(UInt8(ascii: "/")) else {
        throw CheckpointError(reference, "does not name a revision")
      }
      let snapshot = FileSystem.join(snapshots, revision)
      if FileSystem.kind(snapshot) == .directory { return snapshot }
    }
    // Downloaded by a commit's hash only: there is no reference, but no doubt either when one snapshot is there.
    guard FileSystem.kind(snapshots) == .directory else { return nil }
    let names = try FileSystem.names(in: snapshots)
    return names.count == 1 ? FileSystem.join(snapshots, names[0]) : nil
  }
}
