import NeedletailJSON
import Testing

/// Values through JSON and back.
@Suite struct CodingTests {
  enum Shape: Codable, Hashable {
    case point
    case circle(radius: Double)
    case polygon([Int], name: String?)
  }
  struct Drawing: Codable, Hashable {
    var title: String
    var shapes: [Shape]
    var sizes: [String: Int]
    var weights: [Float]
    var bytes: [UInt8]
    var parent: [Drawing]?
    var isClosed: Bool
    var seed: Int64
  }
  let drawing = Drawing(
    title: "a \"b\" é", shapes: [.point, .circle(radius: 1.5), .polygon([3, -4], name: nil)], sizes: ["x": 1, "y": -2],
    weights: [0.1, .infinity, -.infinity, 1e-45], bytes: [0, 255], parent: [], isClosed: true, seed: .min)

  @Test func roundTripThroughText() throws {
    var whole = drawing
    whole.parent = [drawing]
    let text = try JSON(encoding: whole).text(.compact)
    #expect(try JSON.parse(text).decoded(as: Drawing.self) == whole)
    #expect(text.contains("\"seed\":-9223372036854775808"))
  }

  @Test func notANumberComesBack() throws {
    #expect(try JSON(encoding: [Double.nan]).decoded(as: [Double].self)[0].isNaN)
  }

  @Test(arguments: [
    ("title", "title: is missing"), ("seed", "seed: is missing"), ("shapes", "shapes: is missing"),
  ])
  func missingMembersAreNamed(key: String, message: String) throws {
    let members = try #require(JSON(encoding: drawing).object).filter { $0.key != key }
    let json = JSON.object(JSONObject(members.map { ($0.key, $0.value) }))
    #expect(throws: JSONDecodingError.self) { try json.decoded(as: Drawing.self) }
    do { _ = try json.decoded(as: Drawing.self) } catch let error as JSONDecodingError {
      #expect(error.description == message)
    }
  }

  @Test(arguments: ["[300]", "[-1]", "[1.5]", "[\"1\"]", "{}", "null", "[[]]"])
  func otherKindsAreRefused(text: String) throws {
    let json = try JSON.parse(text)
    #expect(throws: JSONDecodingError.self) { try json.decoded(as: [UInt8].self) }
  }

  @Test func numbersBeyondSixtyFourSignedBitsAreRefused() {
    #expect(throws: EncodingError.self) { try JSON(encoding: UInt64.max) }
  }
}
