import Needletail

/// What `needletail models` prints.
enum ModelsListing {
  /// The known model types, a row each.
  static var architectures: String {
    var table = TextTable(["MODEL TYPE", "FAMILY", "PUBLISHER", "SWIFT TYPE"])
    for type in ModelTable.standard.modelTypes {
      let family = ModelFamily.of(type)
      table.add([type, family?.name ?? "", family?.publisher ?? "", swiftType(type)])
    }
    return table.text
  }

  /// The Swift type of a model type.
  static func swiftType(_ modelType: String) -> String { ModelTable.standard[modelType].map { "\($0)" } ?? "" }

  /// A row a config.
  static func table(_ reports: [ConfigReport]) -> String {
    var table = TextTable(["CONFIG", "MODEL TYPE", ">PARAMETERS", ">PUBLISHED", ">DIFFERENCE", "SUPPORTED"])
    for report in reports {
      table.add([
        report.name, report.modelType ?? "", report.parameters, report.published?.parameters ?? "", report.difference,
        report.reason.map { "no: \($0)" } ?? "yes",
      ])
    }
    return table.text
  }

  /// All of it, as one object.
  static func json(_ reports: [ConfigReport]?) -> JSON {
    let architectures = ModelTable.standard.modelTypes.map { type -> JSON in
      let family = ModelFamily.of(type)
      return [
        "model_type": .string(type), "type": .string(swiftType(type)), "family": string(family?.name),
        "publisher": string(family?.publisher), "source": string(family?.source),
      ]
    }
    guard let reports else { return ["architectures": .array(architectures)] }
    let configs = reports.map { report -> JSON in
      [
        "name": .string(report.name), "model_type": string(report.modelType), "supported": .bool(report.reason == nil),
        "reason": string(report.reason), "parameters": report.parameterCount.map { .int($0) } ?? .null,
        "published": string(report.published?.parameters),
        "difference_percent": report.differencePercent.map { .double($0) } ?? .null,
      ]
    }
    return ["architectures": .array(architectures), "configs": .array(configs)]
  }

  private static func string(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
}

extension ConfigReport {
  /// "8,030,261,248"
  var parameters: String { parameterCount.map { Show.grouped($0) } ?? "" }

  /// How much more the definition has than is published; nil where one of the two is not known.
  var differencePercent: Double? {
    guard let parameterCount, let published else { return nil }
    return published.agrees(with: parameterCount) ? 0 : 100 * (Double(parameterCount) / published.value - 1)
  }

  /// "0 %" where the numbers agree as precisely as the publisher states his.
  var difference: String {
    differencePercent.map { $0 == 0 ? "0 %" : ($0 > 0 ? "+" : "") + Show.fixed($0, 2) + " %" } ?? ""
  }
}
