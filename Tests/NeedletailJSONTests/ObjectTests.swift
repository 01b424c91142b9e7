import NeedletailJSON
import Testing

@Suite struct ObjectTests {
  @Test(arguments: [0, 1, 15, 16, 17, 100, 5000]) func keepsOrderAndFinds(_ count: Int) throws {
    var object = JSONObject((0..<count).map { ("key\($0)", .int($0)) })
    #expect(object.keys == (0..<count).map { "key\($0)" })
    for number in 0..<count { #expect(object["key\(number)"] == .int(number)) }
    #expect(object["key\(count)"] == nil)
    object["key\(count)"] = "last"
    object["key0"] = "first"
    #expect(object["key\(count)"] == (count == 0 ? "first" : "last"))
    #expect(object.count == count + 1)
    #expect(object.members[0].value == "first")
    object["key0"] = nil
    #expect(object["key0"] == nil)
    #expect(object.count == count)
    for number in 1..<max(1, count) { #expect(object["key\(number)"] == .int(number)) }
  }

  @Test func growsMemberByMember() {
    var object = JSONObject()
    for number in 0..<1000 { object["\(number)"] = .int(number) }
    for number in 0..<1000 { #expect(object["\(number)"] == .int(number)) }
    for number in 0..<990 { object["\(number)"] = nil }
    #expect(object.keys == (990..<1000).map { "\($0)" })
    #expect(object["995"] == 995)
  }

  @Test func theLastOfEqualKeysStaysAtTheFirstPlace() throws {
    let object = try #require(try JSON.parse(#"{"a": 1, "b": 2, "a": 3}"#).object)
    #expect(object.keys == ["a", "b"])
    #expect(object["a"] == 3)
    let many = try JSON.parse("{" + (0..<100).map { "\"\($0 % 40)\": \($0)" }.joined(separator: ",") + "}")
    #expect(many.object?.count == 40)
    #expect(many["19"] == 99)
  }

  @Test func tellsCanonicallyEquivalentTextsApart() throws {
    let composed = "\u{E9}"
    let decomposed = "e\u{301}"
    #expect(composed == decomposed)
    #expect(JSON.string(composed) != JSON.string(decomposed))
    var object = JSONObject([(composed, 1), (decomposed, 2)])
    #expect(object.count == 2)
    #expect(object[decomposed] == 2)
    for number in 0..<20 { object["\(number)"] = .null }
    #expect(object[composed] == 1)
    #expect(object[decomposed] == 2)
  }

  @Test func isEqualInAnyOrder() {
    let a: JSON = ["x": 1, "y": [1, 2]]
    let b: JSON = ["y": [1, 2], "x": 1]
    #expect(a == b)
    #expect(a.hashValue == b.hashValue)
    #expect(a != ["x": 1, "y": [2, 1]])
    #expect(a != ["x": 1])
  }
}
