import NeedletailJSON
import Testing

@Suite struct TextTests {
  let value: JSON = ["b": [1, 2.0, "x\"\\\n\u{1}é🙂"], "a": [:], "é": .null, "z": [true, []]]

  // The expected texts are those of Python's `json.dumps(..., ensure_ascii=False)`.
  @Test func printsAsPython() {
    #expect(value.text() == #"{"b": [1, 2.0, "x\"\\\n\u0001é🙂"], "a": {}, "é": null, "z": [true, []]}"#)
    #expect(value.text(.compact) == #"{"b":[1,2.0,"x\"\\\n\u0001é🙂"],"a":{},"é":null,"z":[true,[]]}"#)
    let sorted = #"{"a": {}, "b": [1, 2.0, "x\"\\\n\u0001é🙂"], "z": [true, []], "é": null}"#
    #expect(value.text(.init(sortsKeys: true)) == sorted)
    let indented = """
      {
        "b": [
          1,
          2.0,
          "x\\"\\\\\\n\\u0001é🙂"
        ],
        "a": {},
        "é": null,
        "z": [
          true,
          []
        ]
      }
      """
    #expect(value.text(.init(indent: 2)) == indented)
  }

  @Test func readsBackWhatItPrints() throws {
    for format in [JSON.Format(), .compact, .init(indent: 3, sortsKeys: true)] {
      #expect(try JSON.parse(value.text(format)) == value)
    }
    #expect(JSON.double(.nan).text() == "null")
  }
}
