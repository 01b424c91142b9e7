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
        var sum = 0.0
        for index in 0..<k {
          sum += x[start + index] * w[matrix + (isTransposed ? index * n + column : column * k + index)]
        }
        out.append(sum)
      }
    }
    return out
  }

  /// Rows of two matrices of these widths, side by side.
  public static func concatenated(_ a: [Double], _ b: [Double], _ widths: [Int]) -> [Double] {
    var out: [Double] = []
    for row in 0..<a.count / widths[0] {
      out += a[row * widths[0]..<(row + 1) * widths[0]]
      out += b[row * widths[1]..<(row + 1) * widths[1]]
    }
    return out
  }
}
