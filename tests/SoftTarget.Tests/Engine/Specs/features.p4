#include <core.p4>
#include <pna.p4>
header eth_t { bit<48> dst; bit<48> src; bit<16> type; }
header ip_t { bit<8> vihl; bit<8> tos; bit<16> len; bit<16> id; bit<16> frag; bit<8> ttl; bit<8> proto; bit<16> ck; bit<32> src; bit<32> dst; }
header ip6_t { bit<32> vtf; bit<16> plen; bit<8> nh; bit<8> hl; bit<128> src; bit<128> dst; }
header opt_t { varbit<320> o; }
header udp_t { bit<16> sp; bit<16> dp; bit<16> len; bit<16> ck; }
header stk_t { bit<16> v; bit<16> more; }
struct headers_t { eth_t eth; stk_t[3] stk; ip_t ip; opt_t opt; ip6_t ip6; udp_t udp; }
struct meta_t { bit<32> x; bit<16> y; bit<8> f; bit<128> a6; bit<32> h; bit<1> b; bit<24> m24; bit<32> cnt; }
parser P(packet_in pkt, out headers_t h, inout meta_t m, in pna_main_parser_input_metadata_t i) {
  state start { pkt.extract(h.eth); transition select(h.eth.type) { 0x800: ip; 0x86dd: ip6; 0x9000: stk; default: accept; } }
  state stk { pkt.extract(h.stk.next); transition select(h.stk.last.more) { 1: stk2; default: accept; } }
  state stk2 { pkt.extract(h.stk.next); transition accept; }
  state ip { pkt.extract(h.ip); transition select(h.ip.vihl) { 0x45: l4; default: opts; } }
  state opts { pkt.extract(h.opt, 32); transition l4; }
  state ip6 { pkt.extract(h.ip6); transition select(h.ip6.nh) { 17: udp; default: accept; } }
  state l4 { transition select(h.ip.proto, h.ip.ttl) { (17, _): udp; (6, 1 .. 5): accept; default: accept; } }
  state udp { bit<16> la = pkt.lookahead<bit<16>>(); m.y = la; pkt.extract(h.udp); transition accept; }
}
control Pre(in headers_t h, inout meta_t m, in pna_pre_input_metadata_t i, inout pna_pre_output_metadata_t o) { apply {} }
struct ct_t { bit<32> p; bit<16> q; }
control C(inout headers_t h, inout meta_t m, in pna_main_input_metadata_t i, inout pna_main_output_metadata_t o) {
  Register<bit<32>, bit<32>>(1024, 7) reg;
  Counter<bit<64>, bit<32>>(64, PNA_CounterType_t.PACKETS_AND_BYTES) cnt;
  DirectCounter<bit<64>>(PNA_CounterType_t.PACKETS) dc;
  Meter<bit<32>>(64, PNA_MeterType_t.BYTES) met;
  Hash<bit<32>>(PNA_HashAlgorithm_t.CRC32) hc;
  Hash<bit<32>>(PNA_HashAlgorithm_t.TARGET_DEFAULT) hj;
  Hash<bit<32>>(PNA_HashAlgorithm_t.TOEPLITZ) ht;
  InternetChecksum() ck;
  ActionSelector(PNA_HashAlgorithm_t.CRC32, 128, 32w16) as;
  action drop() { drop_packet(); }
  action fwd(PortId_t p, bit<48> mac) { send_to_port(p); h.eth.dst = mac; dc.count(); }
  action nodc() { dc.count(); }
  action set6(bit<128> n) { h.ip6.dst = n; m.a6 = n; }
  action setx(bit<32> x, bit<24> y) { m.x = x; m.m24 = y; if (m.x > 5) { m.f = 1; } else { m.f = 2; } }
  action pinned(bit<32> p, bit<16> q) { m.x = p; m.y = q; restart_expire_timer(); set_entry_expire_time((ExpireTimeProfileId_t)3); }
  action missed() { add_entry(action_name = "pinned", action_params = (ct_t){p = m.x, q = m.y}, expire_time_profile_id = (ExpireTimeProfileId_t)2); }
  table t_exact { key = { h.ip.src: exact; h.ip.dst: exact; } actions = { fwd; nodc; } default_action = nodc; size = 1000; pna_direct_counter = dc; }
  table t_lpm { key = { h.ip.dst: lpm; } actions = { setx; drop; NoAction; } const default_action = NoAction(); size = 5000; }
  table t_tern { key = { h.ip.proto: ternary; h.ip.src: ternary; m.y: exact; h.udp.sp : range; } actions = { setx; drop; NoAction; } default_action = setx(5, 6); }
  table t_6 { key = { h.ip6.dst: exact; } actions = { set6; NoAction; } default_action = NoAction(); }
  table t_6l { key = { h.ip6.dst: lpm; } actions = { set6; NoAction; } default_action = NoAction(); }
  table t_sel { key = { h.ip.dst: exact; h.ip.src : selector; h.udp.sp : selector; } actions = { setx; NoAction; } pna_implementation = as; size = 64; }
  table t_ct { key = { h.ip.src: exact; h.ip.dst: exact; h.ip.proto: exact; } actions = { @tableonly pinned; @defaultonly missed; } const default_action = missed; add_on_miss = true; idle_timeout_with_auto_delete = true; size = 4096; }
  apply {
    m.cnt = reg.read(5); m.cnt = m.cnt + 1; reg.write(5, m.cnt);
    if (h.ip.isValid()) {
      m.h = hc.get_hash({h.ip.src, h.ip.dst}); m.x = hj.get_hash({h.ip.src, h.ip.dst, h.ip.proto}); m.cnt = ht.get_hash({h.ip.src, h.ip.dst});
      t_exact.apply();
      if (t_lpm.apply().hit) { h.ip.ttl = h.ip.ttl - 1; } else { m.b = 1; }
      switch (t_tern.apply().action_run) { setx: { m.y = 5; } drop: { m.y = m.y << 3; } }
      t_sel.apply();
      t_ct.apply();
      ck.clear(); ck.subtract(h.ip.ck); ck.add({h.ip.src, h.ip.dst}); h.ip.ck = ck.get();
      cnt.count(m.h & 0x3f, 64);
      if (met.dpdk_execute(3, PNA_MeterColor_t.GREEN, (bit<32>)64) == PNA_MeterColor_t.YELLOW) drop_packet();
      if (m.h == 9) { recirculate(); }
      if (m.h == 8) { mirror_packet((MirrorSlotId_t)1, (MirrorSessionId_t)5); }
    } else if (h.ip6.isValid()) {
      t_6.apply(); t_6l.apply();
      m.a6 = h.ip6.src;
      h.ip6.src = h.ip6.dst;
      if (h.ip6.src == h.ip6.dst) { h.ip6.hl = 3; }
      h.ip6.dst = h.ip6.dst & 128w0xffff0000ffff0000ffff0000ffff0000;
      h.ip6.dst = h.ip6.dst | m.a6; h.ip6.src = h.ip6.src ^ m.a6;
    }
    if (h.stk[0].isValid()) { h.stk[0].setInvalid(); }
    if (h.eth.type == 0x1234) { h.udp.setValid(); h.udp.sp = 1; h.udp.dp = 2; h.udp.len = 3; h.udp.ck = 4; send_to_port((PortId_t)3); }
  }
}
control D(packet_out pkt, in headers_t h, in meta_t m, in pna_main_output_metadata_t o) { apply { pkt.emit(h.eth); pkt.emit(h.stk); pkt.emit(h.ip); pkt.emit(h.opt); pkt.emit(h.ip6); pkt.emit(h.udp); } }
PNA_NIC(P(), Pre(), C(), D()) main;
