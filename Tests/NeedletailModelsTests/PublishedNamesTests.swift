import NeedletailJSON
import NeedletailModels
import Testing

/// Names and shapes against lists that `scripts/make-parameter-names` made with `transformers`, at full published size.
@Suite struct PublishedNamesTests {
  /// Every list there is.
  static let lists = Fixture.names(in: "names", ending: ".json")

  @Test func listsAreFound() { #expect(Self.lists.count > 30) }

  @Test(arguments: lists)
  func parametersAreThoseOfTransformers(_ name: String) throws {
    let fixture = try Fixture.json("names/\(name).json")
    let config = try #require(fixture["config"])
    let model = try ModelTable.standard.model(for: ConfigJSON(config))
    let ours = try model.parameters()
    var expected: [String: [Int]] = [:]
    let parameters = try #require(fixture["parameters"]?.object)
    for (pattern, shape) in parameters {
      for name in Self.expand(pattern) { expected[name] = shape.array?.compactMap(\.int) }
    }
    #expect(expected.count > 10)
    #expect(Dictionary(ours.map { ($0.name, $0.shape) }) { first, _ in first } == expected)
    #expect(ours.count == expected.count)
  }

  /// Every weight of the graph is a parameter of the checkpoint, and the other way round.
  @Test(arguments: lists)
  func graphUsesAllParameters(_ name: String) throws {
    let fixture = try Fixture.json("names/\(name).json")
    let config = try #require(fixture["config"])
    let model = try ModelTable.standard.model(for: ConfigJSON(config))
    var used: [String: [Int]] = [:]
    for node in try model.trace().nodes {
      guard case .weight(let weight) = node.op else { continue }
      for part in weight.parts { used[part.name] = part.shape }
    }
    #expect(used == Dictionary(uniqueKeysWithValues: try model.parameters().map { ($0.name, $0.shape) }))
  }

  /// "a.{0-2}.b" -> "a.0.b", "a.1.b", "a.2.b".
  static func expand(_ pattern: String) -> [String] {
    guard let open = pattern.firstIndex(of: "{"), let close = pattern.firstIndex(of: "}") else { return [pattern] }
    let bounds = pattern[pattern.index(after: open)..<close].split(separator: "-").compactMap { Int($0) }
    return (bounds[0]...bounds[1]).flatMap {
      expand("\(pattern[..<open])\($0)\(pattern[pattern.index(after: close)...])")
    }
  }
}
