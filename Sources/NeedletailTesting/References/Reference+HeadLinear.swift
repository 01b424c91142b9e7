extension Reference {
  /// Each head of x [rows, heads, k] times its own matrix of w: [heads n, k], or [heads k, n] if it is transposed.
  public static func headLinear(
    _ x: [Double], _ w: [Double], heads: Int, k: Int, isTransposed: Bool = false
  ) -> [Double] {
    let n = w.count / (heads * k)
    var out: [Double] = []
    for start in stride(from: 0, to: x.count, by: k) {
      let matrix = start / k % heads * n * k
      for column in 0..<n {
        out.append(
          (0..<k).reduce(0.0) { $0 + x[start + $1] * w[matrix + (isTransposed ? $1 * n + column : column * k + $1)] })
      }
    }
    return out
  }

  /// Rows of two matrices of these widths, side by side.
  public static func concatenated(_ a: [Double], _ b: [Double], _ widths: [Int]) -> [Double] {
    (0..<a.count / widths[0]).flatMap { row in
      a[row * widths[0]..<(row + 1) * widths[0]] + b[row * widths[1]..<(row + 1) * widths[1]]
    }
  }
}
