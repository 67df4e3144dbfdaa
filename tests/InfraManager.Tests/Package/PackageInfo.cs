using P4.Config.V1;
using Action = P4.Config.V1.Action;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;

namespace ACCOffload.InfraManager.Tests.Package;

/// <summary>
/// P4Infos of the packages of release 24.01, derived from what that release's manager sends: the names of tables, keys and actions, and the
/// number, order and width of parameters. The IDs and the names of the E2100's parameters are made up for the tests.
/// </summary>
internal static class PackageInfo
{
    private const string Ip = "hdrs.ipv4[meta.common.depth].dst_ip";

    public static P4Info Es2k() => new Builder()
        .Action("set_dest_vport", 32).Action("set_dest_mac_vport", 32, 24).Action("update_src_dst_mac", 48, 48).Action("set_vip_flag")
        .Action("set_vip_flag_tcp")
        .Action("update_dst_ip_mac", 48, 48, 32, 16).Action("update_src_ip_mac", 48, 32, 16).Action("set_source_ip", 24)
        .Action("set_default_lb_dest", 32, 24)
        .Action("tcp_syn_packet").Action("tcp_fin_or_rst_packet").Action("tcp_other_packets").Action("drop").Action("send", 32)
        // Not written by the manager, but by whoever sets up the machine.
        .Table("comms_channel_table", 64, [("meta.common.vsi", 11), ("user_meta.cmeta.flex16", 16)], "send", "drop")
        .Table("arp_to_port_table", 512, [("hdrs.arp.tpa", 32)], "set_dest_vport", "drop")
        .Table("pod_gateway_mac_mod_table", 1024, [("meta.common.mod_blob_ptr", 24)], "update_src_dst_mac")
        .Table("ipv4_to_port_table_tx", 512, [(Ip, 32)], "set_dest_mac_vport", "set_vip_flag", "drop")
        .Table("ipv4_to_port_table_rx", 512, [(Ip, 32)], "set_dest_vport", "drop")
        .Table("ipv4_to_port_table_tx_tcp", 512, [(Ip, 32)], "set_dest_mac_vport", "set_vip_flag_tcp", "drop")
        .Table("ipv4_to_port_table_tx_service", 512, [(Ip, 32)], "set_dest_mac_vport", "drop")
        .Table("write_dest_ip_table", 4096, [("meta.common.mod_blob_ptr", 24)], "update_dst_ip_mac")
        .Table("write_source_ip_table", 4096, [("meta.common.mod_blob_ptr", 24)], "update_src_ip_mac")
        .Table("rx_src_ip", 4096, [("hdrs.ipv4[meta.common.depth].src_ip", 32), ("hdrs.ipv4[meta.common.depth].protocol", 8),
            ("hdrs.l4_port[meta.common.depth].sport", 16)], "set_source_ip")
        .Table("tx_balance", 4096, [(Ip, 32), ("hdrs.ipv4[meta.common.depth].protocol", 8), ("hdrs.l4_port[meta.common.depth].dport", 16),
            ("meta.common.hash[5:0]", 6)], "set_default_lb_dest")
        .Table("service_flow_packet_options", 16, [("istd.direction", 1), ("hdrs.tcp.ack", 1), ("hdrs.tcp.rst", 1), ("hdrs.tcp.syn", 1),
            ("hdrs.tcp.fin", 1)], "tcp_syn_packet", "tcp_fin_or_rst_packet", "tcp_other_packets")
        .Build();

    public static P4Info Dpdk()
    {
        var info = new Builder()
            .Action("set_dest_vport", 32).Action("set_dest_mac_vport", 32, 48).Action("update_src_ip", 32, 16)
            .Action("update_dst_ip", 32, 16)
            .Action("set_default_lb_dest", 24).Action("set_key_for_reverse_ct", 24).Action("pinned_flows_hit", 24)
            .Table("arpt_to_port_table", 1024, [("hdr.arp.tpa", 32)], "set_dest_vport")
            .Table("ipv4_to_port_table", 1024, [("hdr.ipv4.dst_addr", 32)], "set_dest_mac_vport")
            .Table("write_source_ip_table", 2048, [("meta.mod_blob_ptr_snat", 24)], "update_src_ip")
            .Table("write_dest_ip_table", 1024, [("meta.mod_blob_ptr_dnat", 24)], "update_dst_ip")
            // Filled by the data plane.
            .Table("pinned_flows", 1024, [("meta.src_ip", 32), ("meta.dst_ip", 32), ("hdr.ipv4.protocol", 8), ("meta.src_port", 16),
                ("meta.dst_port", 16)], "pinned_flows_hit")
            .Table("tx_balance_tcp", 1024, [("hdr.ipv4.dst_addr", 32), ("hdr.tcp.dst_port", 16)], "set_default_lb_dest")
            .Table("tx_balance_udp", 1024, [("hdr.ipv4.dst_addr", 32), ("hdr.udp.dst_port", 16)], "set_default_lb_dest")
            .Table("set_meta_tcp", 1024, [("hdr.ipv4.dst_addr", 32), ("hdr.tcp.dst_port", 16)], "set_key_for_reverse_ct")
            .Table("set_meta_udp", 1024, [("hdr.ipv4.dst_addr", 32), ("hdr.udp.dst_port", 16)], "set_key_for_reverse_ct");
        return info.Selector("as_sl3_tcp", "tx_balance_tcp").Selector("as_sl3_udp", "tx_balance_udp").Build();
    }

    private sealed class Builder
    {
        private readonly P4Info _info = new() { PkgInfo = new PkgInfo { Name = "k8s_dp", Arch = "pna" } };

        public Builder Action(string name, params int[] parameters)
        {
            var action = new Action { Preamble = Preamble(0x01000001 + (uint)_info.Actions.Count, name) };
            for (var i = 0; i < parameters.Length; i++)
            {
                action.Params.Add(new Action.Types.Param { Id = (uint)i + 1, Name = $"arg{i}", Bitwidth = parameters[i] });
            }

            _info.Actions.Add(action);
            return this;
        }

        public Builder Table(string name, long size, (string Name, int Bits)[] keys, params string[] actions)
        {
            var table = new Table { Preamble = Preamble(0x02000001 + (uint)_info.Tables.Count, name), Size = size };
            for (var i = 0; i < keys.Length; i++)
            {
                table.MatchFields.Add(new MatchField
                {
                    Id = (uint)i + 1,
                    Name = keys[i].Name,
                    Bitwidth = keys[i].Bits,
                    MatchType = MatchType.Exact
                });
            }

            table.ActionRefs.AddRange(
                actions.Select(a => new ActionRef { Id = _info.Actions.Single(x => x.Preamble.Alias == a).Preamble.Id }));
            _info.Tables.Add(table);
            return this;
        }

        public Builder Selector(string name, string tableName)
        {
            var table = _info.Tables.Single(t => t.Preamble.Alias == tableName);
            table.ImplementationId = 0x11000001 + (uint)_info.ActionProfiles.Count;
            _info.ActionProfiles.Add(new ActionProfile
            {
                Preamble = Preamble(table.ImplementationId, name),
                WithSelector = true,
                Size = 128,
                TableIds = { table.Preamble.Id }
            });
            return this;
        }

        public P4Info Build() => _info;

        private static Preamble Preamble(uint id, string name) => new() { Id = id, Name = $"k8s_dp_control.{name}", Alias = name };
    }
}
