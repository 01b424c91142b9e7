import NeedletailJSON

extension JSON {
  /// The value in a file of at most `limit` bytes, with `NaN` and `Infinity` allowed, which Python writes.
  static func read(_ path: String, limit: Int) throws(CheckpointError) -> JSON {
    let bytes = try FileSystem.read(path, limit: limit)
    do throws(JSONError) {
      return try JSON.parse(bytes, options: .init(allowsNonFiniteNumbers: true))
    } catch {
      throw CheckpointError(path, "\(error)")
    }
  }
}
