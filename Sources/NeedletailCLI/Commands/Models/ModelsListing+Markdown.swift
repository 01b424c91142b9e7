import Needletail

extension ModelsListing {
  /// The document docs/models.md.
  static func markdown(_ reports: [ConfigReport]?) -> String {
    var text = """
      # Models

      <!-- Made by: needletail models\(reports == nil ? "" : " --configs CONFIGS") --markdown > docs/models.md -->

      What `config.json` calls `model_type` names a row of `ModelTable.standard`; other architectures can be
      [added](adding-a-model.md), in the package or from outside. Values of a config that would change the mathematics in a
      way that is not known are errors, never ignored.

      ## Families

      | Family | Published by | Described in | `model_type` | Swift type |
      |---|---|---|---|---|

      """
    for family in ModelFamily.all {
      let types = family.modelTypes.filter { ModelTable.standard[$0] != nil }
      guard !types.isEmpty else { continue }
      let swiftTypes = types.map { "`\(swiftType($0))`" }
      let distinct = swiftTypes.enumerated().filter { swiftTypes.firstIndex(of: $1) == $0 }.map(\.element)
      text += row([
        family.name, family.publisher, family.source, types.map { "`\($0)`" }.joined(separator: ", "),
        distinct.joined(separator: ", "),
      ])
    }
    let rest = ModelTable.standard.modelTypes.filter { ModelFamily.of($0) == nil }
    for type in rest { text += row(["", "", "", "`\(type)`", "`\(swiftType(type))`"]) }
    return text + (reports.map(configs) ?? "")
  }

  private static func configs(_ reports: [ConfigReport]) -> String {
    let (works, others) = (reports.filter { $0.reason == nil }, reports.filter { $0.reason != nil })
    var text = """

      ## Published configs

      \(works.count) of \(reports.count) published configs that were tried can be run. Parameters are those of the model's
      definition, each counted once, and of models of images and text those of the text; the published number is the
      publisher's own, and the difference is 0 where the two agree as precisely as that is stated.

      | Config | `model_type` | Parameters | Published | Difference |
      |---|---|--:|--:|--:|

      """
    for report in works {
      text += row([
        report.name, code(report.modelType), report.parameters, report.published?.parameters ?? "", report.difference,
      ])
    }
    let notes = works.compactMap { report in
      report.difference == "0 %" ? nil : report.published?.note.map { "- \(report.name): \($0).\n" }
    }
    if !notes.isEmpty { text += "\nWhere the two differ:\n\n" + notes.joined() }
    text += """

      ## Not yet

      Parameters are given where only the form of the weights is in the way; `--load-format dummy` runs these too.

      | Config | `model_type` | Parameters | Published | Difference | Reason |
      |---|---|--:|--:|--:|---|

      """
    for report in others {
      text += row([
        report.name, code(report.modelType), report.parameters, report.published?.parameters ?? "", report.difference,
        report.reason ?? "",
      ])
    }
    return text
  }

  private static func code(_ text: String?) -> String { text.map { "`\($0)`" } ?? "" }

  private static func row(_ cells: [String]) -> String {
    "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
  }
}
