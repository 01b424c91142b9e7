import Foundation
import NeedletailCPU

@testable import Needletail

/// Engines of the repository's model for the CPU, to load and to damage.
enum DemoEngine {
  static let options: LoadOptions = {
    var options = LoadOptions()
    options.device = .cpu
    options.limits.maximumSequenceLength = 128
    options.limits.cacheTokens = 512
    options.limits.maximumSequences = 4
    options.limits.tokensPerStep = 64
    return options
  }()

  static func build(_ path: String, options: LoadOptions = options) throws {
    let compiled = try CompiledModel(try ModelPackage(Place.demo), options: options)
    try EngineBuilder(compiled, options: options).build(to: path)
  }

  /// An engine in a directory of its own.
  static func make() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    try build(directory.path)
    return directory
  }

  /// The manifest of an engine as it stands in the file.
  static func manifest(_ engine: TemporaryDirectory) throws -> JSON {
    try JSON.parse(try Place.bytes(engine("engine.json")))
  }

  /// A manifest with a checksum that is right, whatever it says.
  static func sealed(_ json: JSON) -> [UInt8] {
    guard case .object(let object) = json else { return EngineManifest.sealed(json) }
    return EngineManifest.sealed(
      .object(JSONObject(object.members.filter { $0.key != "checksum" }.map { ($0.key, $0.value) })))
  }

  /// An engine whose manifest says something else, with a checksum that is right.
  static func make(_ key: String, _ value: JSON) throws -> TemporaryDirectory {
    let directory = try make()
    guard case .object(let object) = try manifest(directory) else { return directory }
    let members = object.members.map { ($0.key, $0.key == key ? value : $0.value) }
    try directory.write("engine.json", sealed(.object(JSONObject(members))))
    return directory
  }
}
