import NeedletailGraph

/// What became of a module.
public struct ModuleResult: Sendable {
  /// Its name.
  public var module: String
  /// [outputs, inputs]
  public var shape: [Int]
  /// The arithmetic of its products; nil: it stays as it is.
  public var recipe: LinearRecipe?
  /// The squared error of its outputs over their own squares, for the calibration text; nil where none was run.
  public var relativeError: Double?
  /// Bytes written.
  public var bytes: Int
  /// Why it stays as it is.
  public var reason: String?
}

/// What quantizing a model gave.
public struct QuantizeReport: Sendable {
  /// In the order of the model.
  public var modules: [ModuleResult] = []
  /// Bytes of all tensors, before and after.
  public var bytesBefore = 0
  /// After.
  public var bytesAfter = 0
  /// Tokens of the calibration text.
  public var tokens = 0

  /// Modules that stay as they are.
  public var kept: [ModuleResult] { modules.filter { $0.recipe == nil } }
}
