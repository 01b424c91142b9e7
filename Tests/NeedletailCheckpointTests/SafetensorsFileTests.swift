import Testing

@testable import NeedletailCheckpoint

struct SafetensorsFileTests {
  let directory = TemporaryDirectory()

  /// Two tensors as the reference implementation lays them out; the data is 0, 1, 2, ...
  static let header = """
    {"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},\
    "a":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},"empty":{"dtype":"F32","shape":[0,5],"data_offsets":[16,16]}}
    """
  static let valid = safetensors(header, data: Array(0..<22))

  @Test func readsTensors() throws {
    let file = try SafetensorsFile(directory.write("model.safetensors", Self.valid))
    #expect(file.names == ["a", "b", "empty"])
    #expect(file.metadata.map(\.key) == ["format"] && file.metadata.map(\.value) == ["pt"])
    let a = try file.tensor("a")
    #expect(a.dtype == .bf16 && a.shape == [3] && a.elementCount == 3)
    #expect(Array(a.bytes) == [16, 17, 18, 19, 20, 21])
    #expect(Array(a.bytes(of: 1..<2)) == [18, 19])
    #expect(try file.tensor("b").shape == [2, 2])
    #expect(try file.tensor("empty").elementCount == 0)
    #expect(file["c"] == nil)
    #expect(sentence { _ = try file.tensor("c") } == directory("model.safetensors") + ": has no tensor 'c'")
  }

  @Test func viewsOutliveTheirFile() throws {
    var view: TensorView?
    do {
      let file = try SafetensorsFile(directory.write("model.safetensors", Self.valid))
      view = file["b"]
    }
    view?.advise(.willNeed)
    view?.advise(.dontNeed)
    #expect(view.map { Array($0.bytes) } == Array(0..<16))
  }

  @Test func acceptsWhatTheReferenceAccepts() throws {
    let texts = [
      "{}", "{}      ", "{\"__metadata__\":null}",
      "{\"x\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"more\":{}}}",
      "{\"x\":{\"shape\":[2],\"data_offsets\":[0,1],\"dtype\":\"F4\"}}",
    ]
    for text in texts {
      let path = directory.write("file", safetensors(text, data: text.contains("\"x\"") ? [7] : []))
      #expect(throws: Never.self, "\(text)") { _ = try SafetensorsFile(path) }
    }
  }

  @Test func namesDifferByTheirBytes() throws {
    // One letter, composed and decomposed: equal for Swift's ==, two names for a file.
    let text = """
      {"\u{E9}":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"e\u{301}":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}
      """
    let file = try SafetensorsFile(directory.write("file", safetensors(text, data: [4, 5])))
    #expect(file.names.count == 2)
    #expect(file["\u{E9}"].map { Array($0.bytes) } == [4])
    #expect(file["e\u{301}"].map { Array($0.bytes) } == [5])
  }

  /// A header or a whole file, its data, and words of the sentence it must give.
  static let hostile: [(bytes: [UInt8], words: String)] = [
    ([], "it has 0 bytes"),
    ([1, 2, 3], "it has 3 bytes"),
    (safetensors("{}", length: 3), "the header claims 3 bytes, but the file has only 10"),
    (safetensors("{}", length: 100_000_001), "the header claims 100000001 bytes"),
    (safetensors("{}", length: .max), "the header claims 18446744073709551615 bytes"),
    (safetensors("{}", length: 1 << 63), "the header claims 9223372036854775808 bytes"),
    (safetensors(""), "the header is not valid"),
    (safetensors("{"), "the header is not valid"),
    (safetensors("[]"), "the header is an array"),
    (safetensors("{} x"), "the header is not valid"),
    (
      safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,4]}}", data: [0, 0, 0, 0]), "not valid"
    ),
    (safetensors(String(repeating: "[", count: 100_000)), "nested more than"),
    (safetensors("{\"x\":" + String(repeating: "[", count: 1000) + "}"), "nested more than"),
    (safetensors("{\"a\":") + [0xFF, 0x22], "the header is not valid"),
    (safetensors("{\"__metadata__\":[]}"), "__metadata__ is an array"),
    (safetensors("{\"__metadata__\":{\"a\":1}}"), "a number under 'a' where a string should stand"),
    (safetensors("{\"a\":1}"), "tensor 'a' is described by a number"),
    (safetensors("{\"a\":{}}"), "tensor 'a' has no dtype"),
    (tensor("\"F33\"", "[1]", "[0,4]"), "tensor 'a' has the unknown dtype 'F33'"),
    (tensor("\"f32\"", "[1]", "[0,4]"), "tensor 'a' has the unknown dtype 'f32'"),
    (tensor("\"F32\"", "1", "[0,4]"), "tensor 'a' has no shape"),
    (tensor("\"F32\"", "[-1]", "[0,4]"), "tensor 'a' has a dimension"),
    (tensor("\"F32\"", "[1.0]", "[0,4]"), "tensor 'a' has a dimension"),
    (tensor("\"F32\"", "[18446744073709551617]", "[0,4]"), "tensor 'a' has a dimension"),
    (tensor("\"F32\"", "[1]", "4"), "tensor 'a' has no data_offsets"),
    (tensor("\"F32\"", "[1]", "[0]"), "data_offsets that are not two"),
    (tensor("\"F32\"", "[1]", "[0,4,8]"), "data_offsets that are not two"),
    (tensor("\"F32\"", "[1]", "[-4,4]"), "data_offsets that are not two"),
    (tensor("\"F32\"", "[1]", "[4,0]"), "tensor 'a' ends at byte 0, before its start"),
    (tensor("\"F32\"", "[2]", "[0,8]"), "ends at byte 8 of the data, which has only 4"),
    (tensor("\"F32\"", "[1]", "[0,9223372036854775807]"), "ends at byte 9223372036854775807"),
    (tensor("\"F32\"", "[2]", "[0,4]"), "has 4 bytes, but its shape and dtype ask for 8"),
    (tensor("\"F32\"", "[0]", "[0,4]"), "has 4 bytes, but its shape and dtype ask for 0"),
    (tensor("\"F32\"", "[4294967296,4294967296]", "[0,4]"), "a shape whose product is too large"),
    (tensor("\"F32\"", "[4294967296,4294967296,0]", "[0,4]"), "a shape whose product is too large"),
    (tensor("\"F32\"", "[4611686018427387904]", "[0,4]"), "too large in F32"),
    (tensor("\"F4\"", "[7]", "[0,4]"), "no whole number of bytes"),
    (tensor("\"U8\"", "[3]", "[1,4]"), "leaving a gap after byte 0"),
    (tensor("\"U8\"", "[3]", "[0,3]"), "has 1 bytes after the last tensor"),
    (safetensors("{}", data: [1]), "has 1 bytes after the last tensor"),
    (two("[0,4]", "[2,6]", 6), "tensor 'b' starts at byte 2, inside of the tensor before it"),
    (two("[0,4]", "[0,4]", 4), "tensor 'a' starts at byte 0, inside of the tensor before it"),
    (two("[0,4]", "[5,9]", 9), "tensor 'b' starts at byte 5, leaving a gap after byte 4"),
    (
      safetensors(
        """
        {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}
        """, data: [1]), "the header names 'a' twice"
    ),
    (
      safetensors("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,1]}}", data: [1]),
      "the header names 'shape' twice"
    ),
    (
      safetensors("{\"\\u001b[2J\":1}"),
      "tensor '\\u{1b}[2J' is described by a number"
    ),
  ]

  private static func tensor(_ dtype: String, _ shape: String, _ offsets: String) -> [UInt8] {
    safetensors("{\"a\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}}", data: [0, 1, 2, 3])
  }

  private static func two(_ a: String, _ b: String, _ count: UInt8) -> [UInt8] {
    let text = """
      {"b":{"dtype":"U8","shape":[4],"data_offsets":\(b)},"a":{"dtype":"U8","shape":[4],"data_offsets":\(a)}}
      """
    return safetensors(text, data: Array(0..<count))
  }

  @Test(arguments: hostile.indices) func refusesHostileFiles(_ index: Int) {
    let (bytes, words) = Self.hostile[index]
    let path = directory.write("model.safetensors", bytes)
    let error = sentence { _ = try SafetensorsFile(path) }
    #expect(error.hasPrefix(path + ": ") && error.contains(words), "\(error) should contain \(words)")
    #expect(!error.contains("\n") && error.unicodeScalars.count < 500)
  }

  @Test func refusesWhatIsNoFile() {
    #expect(sentence { _ = try SafetensorsFile(directory("none")) } == directory("none") + ": is missing")
    #expect(sentence { _ = try SafetensorsFile(directory.path) } == directory.path + ": is not a regular file")
    #expect(sentence { _ = try SafetensorsFile("a\0b") }.hasSuffix("is no name of a file"))
    directory.link("loop", to: directory("loop"))
    #expect(sentence { _ = try SafetensorsFile(directory("loop")) }.contains("opening the file failed"))
  }
}
