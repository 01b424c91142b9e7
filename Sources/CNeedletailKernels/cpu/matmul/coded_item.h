// Products by weights in codes (include/coded_matmul.h) for one instruction set; included in matmul_kernel.h, whose
// tiles and scratch it uses. An item's blocks of k are decoded one panel at a time; the codes are what is streamed
// from memory. Floor: the codes' bytes over the memory's read rate for few rows, operations for many.

// Adds the sums of a block of k to the totals of an item's panel: whole numbers, or groups' sums times their scales.
static void add_block(nt_matmul_job *job, const float *sums, float *totals, nt_i64 row, nt_i64 rows, nt_i64 panel,
                      nt_i64 k) {
  const nt_coded_panels *c = job->coding;
  const nt_i64 groups = c->group ? (job->a->k + c->group - 1) / c->group : 1, g = c->group ? k / c->group : 0;
  const float *scales = (const float *)c->scales + (panel * groups + g) * NT_PANEL;
  for (nt_i64 r = 0; r < rows; r++) {
    const float t = c->x_scales ? c->x_scales[source_row(job, row + r) * c->x_scale_stride + g] : 1;
    for (nt_i64 i = 0; i < NT_PANEL; i += NT_LANES) {
      const nt_vec sum = nt_load(sums + r * NT_PANEL + i);
      float *total = totals + r * NT_PANEL + i;
      if (job->sum_kind == sum_whole) {
        // Below 2^24: the block's sum is exact.
        const nt_ivec whole = __builtin_convertvector(sum, nt_ivec);
        nt_store(total, (nt_vec)(k == 0 ? whole : (nt_ivec)nt_load(total) + whole));
      } else {
        const nt_vec part = (nt_load(scales + i) * t) * sum;
        nt_store(total, k == 0 ? part : nt_load(total) + part);
      }
    }
  }
}

// Turns what was summed over all of k into the product.
static void scale_sums(nt_matmul_job *job, const float *from, float *sums, nt_i64 row, nt_i64 rows, nt_i64 panel) {
  const nt_coded_panels *c = job->coding;
  const float *factors = c->row_scales ? c->row_scales : c->scales;
  for (nt_i64 r = 0; r < rows; r++) {
    const float t = c->x_scales ? c->x_scales[source_row(job, row + r) * c->x_scale_stride] : 1;
    for (nt_i64 i = 0; i < NT_PANEL; i += NT_LANES) {
      nt_vec sum = nt_load(from + r * NT_PANEL + i);
      if (job->sum_kind == sum_whole) sum = __builtin_convertvector((nt_ivec)sum, nt_vec);
      if (job->sum_kind == sum_scaled || job->sum_kind == sum_whole)
        sum = (nt_load(factors + panel * NT_PANEL + i) * t) * sum;
      nt_store(sums + r * NT_PANEL + i, sum);
    }
  }
}

static void run_coded_item(nt_matmul_job *job, nt_i64 row, nt_i64 rows, nt_i64 panel, nt_i64 panels) {
  const nt_matmul_arguments *a = job->a;
  const nt_i64 per = nt_codes_per_lane(job->codes), tiles = (rows + job->tile.rows - 1) / job->tile.rows;
  const nt_i64 main_k = job->slab > 0 ? job->padded_k : a->k / job->group * job->group;
  // Blocks end where scales of sums do, and where a slab of x does.
  const nt_i64 step = job->sum_kind == sum_groups && job->coding->group < block_k ? job->coding->group : block_k;
  const int has_totals = job->sum_kind == sum_groups || (job->sum_kind == sum_whole && !job->is_int8);
  for (nt_i64 k = 0; k < job->padded_k;) {
    nt_i64 end = (k / step + 1) * step, x_stride;
    if (job->slab > 0 && end > (k / job->slab + 1) * job->slab) end = (k / job->slab + 1) * job->slab;
    if (job->sum_kind == sum_groups && end > (k / job->coding->group + 1) * job->coding->group)
      end = (k / job->coding->group + 1) * job->coding->group;
    end = k == main_k ? job->padded_k : end < main_k ? end : main_k;
    const char *x = rows_at(job, row, rows, k, &x_stride);
    for (nt_i64 p = 0; p < panels; p++) {
      const nt_u32 *codes = (const nt_u32 *)((const char *)a->w + (panel + p) * job->panel_bytes);
      const nt_i64 base = k / per * per;
      nt_tile tile = {.x_stride = x_stride, .groups = (end - k) / job->group, .first = k == 0 || has_totals};
      if (job->is_int8) {
        tile.w = (const char *)(codes + k / per * NT_PANEL);
        tile.fetch = tile.w + stream_ahead;
        tile.fetch_step = tiles == 1 ? 4 * NT_PANEL : 0;
      } else {
        job->decode(job->scratch->block, job->coding, codes, panel + p, a->k, base, end);
        tile.w = job->scratch->block + (k - base) / job->group * 4 * NT_PANEL;
        tile.fetch = tile.w;
      }
      for (nt_i64 t = 0, r = 0; t < tiles; t++) {
        const nt_i64 count = (rows - r + tiles - t - 1) / (tiles - t), place = (p * rows + r) * NT_PANEL;
        float *sums = job->sums + place, *totals = job->scratch->totals + place;
        tile.x = x + r * x_stride;
        tile.sums = sums;
        job->tile.functions[count - 1](&tile);
        if (has_totals) add_block(job, sums, totals, row + r, count, panel + p, k);
        if (end == job->padded_k) {
          scale_sums(job, has_totals ? totals : sums, sums, row + r, count, panel + p);
          if (job->writes) finish_tile(job, sums, row + r, count, (panel + p) * NT_PANEL);
        }
        r += count;
      }
    }
    k = end;
  }
}
