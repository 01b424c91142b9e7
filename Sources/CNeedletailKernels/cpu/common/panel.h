// Where an element of a weight lies in the panels described in matmul.h.
#ifndef NEEDLETAIL_PANEL_H
#define NEEDLETAIL_PANEL_H
#include "../../include/matmul.h"

// Neighbouring k that lie side by side: what fills 32 bits.
static inline nt_i64 nt_panel_group(nt_i32 dtype) { return dtype == NT_F32 ? 1 : 2; }

// k rounded up to whole groups.
static inline nt_i64 nt_panel_padded_k(nt_i64 k, nt_i64 group) { return (k + group - 1) / group * group; }

// Index, in elements, of w[row, column] of a weight with k columns. Reading one row: the first element of every group
// of columns lies NT_PANEL * group elements after that of the group before.
static inline nt_i64 nt_panel_offset(nt_i64 row, nt_i64 column, nt_i64 k, nt_i64 group) {
  return row / NT_PANEL * NT_PANEL * nt_panel_padded_k(k, group) + column / group * NT_PANEL * group +
         row % NT_PANEL * group + column % group;
}

#endif
