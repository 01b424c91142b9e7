import Needletail
import NeedletailCheckpoint

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What becomes of one config: whether its model can be run, and how large it is.
struct ConfigReport {
  /// The file's or folder's name.
  let name: String
  /// As the config says; nil where it does not.
  let modelType: String?
  /// Why the model cannot be run; nil: it can.
  let reason: String?
  /// Numbers that the model's definition has, each once; nil where there is no definition.
  let parameterCount: Int?
  /// What its publisher states; nil where that is not known for sure.
  let published: PublishedModel?

  /// Reads a config: no weights, and nothing is compiled.
  init(name: String, json: JSON, models: ModelTable = .standard) {
    self.name = name
    modelType = json["model_type"]?.string
    published = PublishedModel.all[name]
    var (count, reason): (Int?, String?)
    do {
      let model = try models.model(for: ConfigJSON(json))
      count = try model.parameters().reduce(0) { $0 + $1.shape.reduce(1, *) }
      _ = try QuantizationConfig(config: json, file: "config.json")
    } catch {
      reason = Self.sentence(error)
    }
    if reason == nil, let type = published?.quantized {
      reason = "published with weights in \(type) (hf_quant_config.json), which cannot be read yet"
    }
    (parameterCount, self.reason) = (count, reason)
  }

  /// The configs of a folder, sorted by name.
  static func all(_ folder: String) throws -> [ConfigReport] {
    guard let directory = opendir(folder) else {
      throw UsageError("'\(folder)' cannot be opened: \(String(cString: strerror(errno)))")
    }
    defer { closedir(directory) }
    var entries: [String] = []
    while let entry = readdir(directory) {
      entries.append(
        withUnsafePointer(to: &entry.pointee.d_name) { name in
          name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
            String(cString: $0)
          }
        })
    }
    let reports = try entries.sorted().compactMap { entry -> ConfigReport? in
      let path = folder + "/" + entry
      if entry.hasSuffix(".json"), Files.isFile(path) {
        return ConfigReport(name: String(entry.dropLast(5)), json: try Files.json(path))
      }
      guard !entry.hasPrefix("."), Files.isFile(path + "/config.json") else { return nil }
      return ConfigReport(name: entry, json: try Files.json(path + "/config.json"))
    }
    guard !reports.isEmpty else {
      throw UsageError("'\(folder)' has no config: neither NAME.json files nor folders with a config.json")
    }
    return reports
  }

  /// A line of text: without the file's name, which says nothing here, and the long list of known types.
  private static func sentence(_ error: any Error) -> String {
    let text = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
    let end = text.firstRange(of: "; known are ")?.lowerBound ?? text.endIndex
    return String(text[..<end]).replacing("config.json: ", with: "")
  }
}
