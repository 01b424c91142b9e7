import NeedletailJSON

extension EngineManifest {
  /// The manifest as it is written: JSON whose last member is the checksum of all bytes ahead of it.
  ///
  /// A plan holds argument structs as bytes. One of them changed would be another computation or an address outside of
  /// everything, so that nothing less than the whole text can be trusted.
  func sealed() throws -> [UInt8] { Self.sealed(try JSON(encoding: self)) }

  /// The same of a manifest's JSON.
  static func sealed(_ json: JSON) -> [UInt8] {
    let text = Array(json.text(.compact).utf8.dropLast())
    return text + seal(text)
  }

  /// Whether a file's bytes are those that were written.
  static func isWhole(_ bytes: [UInt8]) -> Bool {
    let length = seal([]).count
    guard bytes.count > length else { return false }
    return Array(bytes.suffix(length)) == seal(Array(bytes.dropLast(length)))
  }

  private static func seal(_ text: [UInt8]) -> [UInt8] {
    let digits = EngineArchive.checksum(text)
    return Array(",\"checksum\":\"\(String(repeating: "0", count: 16 - digits.count))\(digits)\"}".utf8)
  }
}
