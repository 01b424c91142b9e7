/// The version of the library, the program, and what they write.
public enum NeedletailVersion {
  /// "0.1.0"
  public static let text = "0.1.0"
}
