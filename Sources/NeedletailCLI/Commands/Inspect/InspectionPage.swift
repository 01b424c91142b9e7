import Needletail

/// The page that `inspect --html` writes.
enum InspectionPage {
  static func html(_ report: JSON) -> String { report.text() }
}
