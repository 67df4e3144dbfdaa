// SPDX-License-Identifier: Apache-2.0

// Class of a port. Zero: not configured, so no packet may enter.
const bit<8> CLASS_UNKNOWN = 0;
const bit<8> CLASS_POD = 1;
const bit<8> CLASS_HOST = 2;
const bit<8> CLASS_UPLINK = 3;

struct metadata_t {
    // Hash results must be in the first 32 bytes of the metadata (DPDK 22.11).
    bit<16> hash;
    bit<16> port_offset;

    // ---- A flow, as seen by its client, and its return path. The order matters: keys are contiguous parts of this sequence, which the
    // ---- target matches without a copy. A flow that leaves the node has no service, but its real destination.

    bit<32> bucket;
    bit<32> set_id;
    // 0, or the backend that the flow moved from (after later moves: moved to).
    bit<32> after;
    bit<32> client_ip;
    bit<16> client_port;
    // Location of the client: 0 on this node (pods and host), 1 behind the uplink.
    bit<8>  outside;
    bit<32> service_ip;
    bit<16> service_port;
    // 0: the packet can't belong to a flow.
    bit<8>  protocol;
    // The answering side: the backend, and the client address as seen by the backend.
    bit<32> remote_ip;
    bit<16> remote_port;
    bit<32> endpoint_id;
    bit<32> local_ip;
    bit<16> local_port;

    bit<32> drop_reason;
    // Answered on behalf of the backend instead of dropped; counted like a drop.
    bit<32> refusal;
    bit<48> gateway_mac;
    bit<8>  port_class;
    bit<16> header_sum;

    // ---- Services. Other state is in scratch headers (`headers.p4`).
    bit<8>  plan;
    bit<8>  affinity;
    bit<32> ranges_id;
    bit<8>  expiry;
    bit<8>  new_expiry;
    // Period of a port's count.
    bit<8>  period;
    bit<32> backend_id;
    // The flow's slot, 0 if it has none yet; and a register of it.
    bit<32> slot;
    bit<32> at;
    bit<16> source_port;
    bit<8>  pool;
    bit<8>  backend_state;
}
