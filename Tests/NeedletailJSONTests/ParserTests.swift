import NeedletailJSON
import Testing

@Suite struct ParserTests {
  func parse(_ text: String) -> JSON? { try? JSON.parse(text) }

  @Test func readsEveryKind() throws {
    let text = #"{"a": [null, true, false, -12, 0, 1.5, 1e3, -2.5E-2, "x"], "b": {}, "c": [], "": "" }"#
    let expected: JSON = [
      "a": [.null, true, false, -12, 0, 1.5, 1000.0, -0.025, "x"], "b": [:], "c": [], "": "",
    ]
    #expect(try JSON.parse(" \n\t\r" + text + "\n ") == expected)
    #expect(
      try JSON.parse(text).text()
        == text.replacing("1e3", with: "1000.0").replacing("-2.5E-2", with: "-0.025").replacing(" }", with: "}"))
  }

  @Test(arguments: [
    ("0", 0), ("-0", 0), ("7", 7), ("-1", -1), ("999999999999999999", 999_999_999_999_999_999),
    ("1000000000000000000", 1_000_000_000_000_000_000), ("9223372036854775807", .max), ("-9223372036854775808", .min),
  ]) func readsIntegers(_ text: String, _ value: Int) { #expect(parse(text) == .int(value)) }

  @Test(arguments: [
    ("9223372036854775808", 9.223372036854775808e18), ("-0.0", -0.0), ("0.1", 0.1), ("1E+2", 100),
    ("12345678901234567890123", 1.2345678901234568e22),
    ("1e-400", 0), ("123.456e-2", 1.23456),
  ]) func readsDoubles(_ text: String, _ value: Double) { #expect(parse(text) == .double(value)) }

  @Test(arguments: [
    "", " ", "{", "[", "\"", "[1", "[1,", "[1,]", "[,1]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}",
    "[1 2]", "{\"a\":1 \"b\":2}",
    "01", "-", "-a", "+1", ".5", "1.", "1e", "1e+", "0x1", "00", "-01", "1.5.5", "nul", "nulll", "tru", "True", "NaN",
    "Infinity", "-Infinity", "1e999",
    "'a'", "\"\\q\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"",
    "\"\t\"", "\"\u{0}\"", "[]]", "{}{}", "1 1",
    "\u{FEFF}1", "[1]x", "\"abc", "\"abc\\", "\"abc\\\"", "\"\\u", "//", "[/**/]",
  ]) func refuses(_ text: String) {
    #expect(throws: JSONError.self) { try JSON.parse(text) }
  }

  @Test func saysWhere() {
    #expect(throws: JSONError.self) { try JSON.parse("[1, x]") }
    do throws(JSONError) { _ = try JSON.parse("[1, x]") } catch {
      #expect(error.offset == 4)
      #expect(error.description.hasPrefix("invalid JSON at byte 4: "))
    }
  }

  @Test func readsEscapes() {
    #expect(parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\u4e16\ud83d\ude42z""#) == "\"\\/\u{8}\u{C}\n\r\tAé世🙂z")
    #expect(parse("\"Grüße, 世界 🙂\"") == "Grüße, 世界 🙂")
  }

  @Test func refusesWhatIsNotUTF8() {
    let invalid: [[UInt8]] = [
      [0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE4, 0xB8],
    ]
    for bytes in invalid {
      #expect(throws: JSONError.self) { try JSON.parse([0x22] + bytes + [0x22]) }
      #expect(throws: JSONError.self) { try JSON.parse([0x22, 0x5C, 0x6E] + bytes + [0x22]) }
      #expect(throws: JSONError.self) { try JSON.parse([0x7B, 0x22] + bytes + [0x22, 0x3A, 0x31, 0x7D]) }
    }
  }

  @Test func boundsTheDepth() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      func nested(_ depth: Int) -> String {
        String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
      }
      #expect(parse(nested(128)) != nil)
      #expect(parse(nested(129)) == nil)
      #expect(parse(nested(1_000_000)) == nil)
      #expect(parse(String(repeating: open, count: 1_000_000)) == nil)
    }
  }

  @Test func readsNonFiniteNumbersWhereAllowed() throws {
    let options = JSON.ParsingOptions(allowsNonFiniteNumbers: true)
    let values = try #require(try JSON.parse("[NaN, Infinity, -Infinity, -1]", options: options).array)
    #expect(values[0].double?.isNaN == true)
    #expect(Array(values[1...]) == [.double(.infinity), .double(-.infinity), .int(-1)])
  }

  @Test func survivesEveryTruncationAndManyChanges() throws {
    let text = #"{"a\u00e9": [1, -2.5e3, "x\n\ud83d\ude42", null, {"b": [true, false, {}]}], "c": "世界"}"#
    let bytes = Array(text.utf8)
    #expect(try JSON.parse(bytes)["c"] == "世界")
    for count in 0..<bytes.count { #expect(throws: JSONError.self) { try JSON.parse(Array(bytes[..<count])) } }
    var state: UInt64 = 1
    var refused = 0
    for _ in 0..<20_000 {
      var changed = bytes
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      changed[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      if (try? JSON.parse(changed)) == nil { refused += 1 }
    }
    #expect(refused > 1000 && refused < 20_000)
  }
}
