// SPDX-License-Identifier: GPL-2.0-only
/* The control queue of virtio-net: a device that answers, refuses, and does not. */

#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_ring.h>
#include "fake_ctrl.h"

#define VCTL_LONGEST	3581	/* bytes that go with a command */

KUNIT_ARRAY_PARAM_DESC(vctl_mixed, fake_virtio_mixed, name);

static int vctl_command(struct fake_ctrl *ctl, u8 class, u8 command,
			const void *data, size_t len)
{
	int err;

	rtnl_lock();
	err = vnet_command(ctl->fake->nic, class, command, data, len);
	rtnl_unlock();
	return err;
}

/* Commands of all lengths, many times through the ring. */
static void vctl_command_test(struct kunit *test)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);
	u8 *bytes = fake_data(test, VCTL_LONGEST + 2);
	u32 i, len;

	for (i = 0; i < 10 * FAKE_CTRL_SIZE; i++) {
		len = i * VCTL_LONGEST / (10 * FAKE_CTRL_SIZE - 1);
		bytes[0] = i;
		bytes[1] = i + 100;
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, i, i + 100, bytes + 2, len),
				0);
		KUNIT_ASSERT_EQ(test, ctl->commands, i + 1);
		fake_ctrl_expect(ctl, bytes, 2 + len);
	}
}

/* The count of commands wraps; the ring is as old as that. */
static void vctl_wrap_test(struct kunit *test)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);
	u16 old = U16_MAX - 2 * FAKE_CTRL_SIZE + 1, i;
	struct vring_avail *avail = ctl->vq.driver;

	vnet_hw(ctl->fake->nic)->ctrl.sent = old;
	ctl->vq.taken = ctl->vq.packed ? 2 * old : old;
	ctl->vq.used = ctl->vq.taken;
	ctl->vq.told = ctl->vq.taken;
	ctl->vq.place = 2 * old;
	if (!ctl->vq.packed)
		avail->idx = (__force __virtio16)cpu_to_le16(old);
	fake_vq_tell(&ctl->vq);
	for (i = 1; i <= 4 * FAKE_CTRL_SIZE; i++) {
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, i, i, "x", 1), 0);
		KUNIT_ASSERT_EQ(test, ctl->commands, i);
		fake_ctrl_expect(ctl, (u8[]){ i, i, 'x' }, 3);
	}
}

/* No is no, and so is all but yes; the next command is asked nevertheless. */
static void vctl_refusal_test(struct kunit *test)
{
	static const u32 answers[] = { FAKE_CTRL_ERR, 2, 0xff, FAKE_CTRL_NONE };
	struct fake_ctrl *ctl = fake_ctrl_create(test);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		ctl->answer = answers[i];
		KUNIT_EXPECT_EQ_MSG(test, vctl_command(ctl, 1, 1, "x", 1),
				    -EREMOTEIO, "answer %u", answers[i]);
		ctl->answer = FAKE_CTRL_OK;
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 2, "y", 1), 0);
		fake_ctrl_expect(ctl, "\1\2y", 3);
	}
}

/* No answer: the wait ends, nothing is asked any more, and a reset helps. */
static void vctl_silence_test(struct kunit *test)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);

	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, "x", 1), 0);
	ctl->answer = FAKE_CTRL_SILENT;
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, "x", 1), -ETIMEDOUT);
	ctl->answer = FAKE_CTRL_OK;
	fake_vq_kicked(&ctl->vq);
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, "x", 1), -EOPNOTSUPP);
	KUNIT_EXPECT_FALSE(test, fake_vq_kicked(&ctl->vq));
	KUNIT_EXPECT_EQ(test, ctl->commands, 1);
	fake_ctrl_start(ctl);
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 3, 4, "z", 1), 0);
	fake_ctrl_expect(ctl, "\3\4z", 3);
}

/* What is too long is refused before anything is written. */
static void vctl_length_test(struct kunit *test)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);
	u8 *bytes = fake_data(test, 2 * PAGE_SIZE);
	static const u32 lens[] = { VCTL_LONGEST + 1, PAGE_SIZE, 2 * PAGE_SIZE };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, bytes, lens[i]),
				-EMSGSIZE);
	KUNIT_EXPECT_FALSE(test, fake_vq_kicked(&ctl->vq));
	KUNIT_EXPECT_FALSE(test, fake_vq_read(&ctl->vq, &ctl->chain));
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, bytes, VCTL_LONGEST), 0);
}

#define VCTL_UNCUT	(NETIF_F_RXCSUM | NETIF_F_GRO_HW)

/**
 * struct vctl_offload - what the stack has set, and what the device shall do then
 * @features: the stack's
 * @xdp: a program is attached
 * @bytes: class, command, and the bits of the GUEST features, low byte first
 */
struct vctl_offload {
	netdev_features_t features;
	bool xdp;
	u8 bytes[10];
};

static const struct vctl_offload vctl_offloads[] = {
	{ VCTL_UNCUT, false, { 5, 0, 0x82, 0x03, 0, 0, 0, 0, 0xc0, 0 } },
	{ NETIF_F_RXCSUM, false, { 5, 0, 0x02 } },
	{ VCTL_UNCUT, true, { 5, 0 } },
	{ 0, false, { 5, 0 } },
};

/* GUEST_CSUM, TSO4, TSO6, ECN, USO4, USO6 and CTRL_GUEST_OFFLOADS, by number. */
static void vctl_offer_offloads(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);

	hw->offered |= BIT_ULL(1) | BIT_ULL(7) | BIT_ULL(8) | BIT_ULL(9) |
		       BIT_ULL(54) | BIT_ULL(55) | BIT_ULL(2);
	hw->features = hw->offered;
}

/* Uncut frames, of datagrams too, are switched on and off by a command. */
static void vctl_offload_test(struct kunit *test)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);
	struct sluice_nic *nic = ctl->fake->nic;
	netdev_features_t old = nic->features;
	u32 i;

	vctl_offer_offloads(nic);
	for (i = 0; i < ARRAY_SIZE(vctl_offloads); i++) {
		const struct vctl_offload *o = &vctl_offloads[i];

		nic->features = (old & ~VCTL_UNCUT) | o->features;
		vnet_hw(nic)->xdp = o->xdp;
		rtnl_lock();
		KUNIT_EXPECT_EQ(test, vnet_set_features(nic, NETIF_F_RXCSUM), 0);
		KUNIT_EXPECT_EQ(test, ctl->commands, max(2 * i, 1));
		rtnl_unlock();
		fake_ctrl_expect(ctl, o->bytes, sizeof(o->bytes));
		/* All is on after a reset, so that is not said. */
		rtnl_lock();
		vnet_offload_start(nic);
		rtnl_unlock();
		KUNIT_EXPECT_EQ(test, ctl->commands, 2 * i + 1);
	}
	vnet_hw(nic)->xdp = false;
	nic->features = old;
}

/* Class, command; hash types, table's mask, queue of what has no hash; the table;
 * pairs, length of the key (5.1.6.5.7); the key.
 */
static u32 vctl_rss_bytes(u8 *bytes, u32 entries)
{
	static const u8 head[] = { 4, 1, 0x2a, 0x01, 0, 0 };
	u32 i, at = 10 + 2 * entries;

	memcpy(bytes, head, sizeof(head));
	bytes[6] = entries - 1;
	for (i = 0; i < entries; i++)
		bytes[10 + 2 * i] = i % 7;
	bytes[at] = 1;
	bytes[at + 2] = 40;
	fake_fill(bytes + at + 3, 40, 9);
	return at + 43;
}

static void vctl_expect_rss(struct fake_ctrl *ctl, const u8 *bytes, u32 len)
{
	int err;

	rtnl_lock();
	err = vnet_set_rss(ctl->fake->nic);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(ctl->fake->test, err, 0);
	fake_ctrl_expect(ctl, bytes, len);
}

/* How to spread, byte for byte, with tables of all sizes; then how to hash only. */
static void vctl_rss_test(struct kunit *test)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);
	struct sluice_nic *nic = ctl->fake->nic;
	u8 *bytes = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	u32 i, entries;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	vnet_hw(nic)->features |= BIT_ULL(VIRTIO_NET_F_RSS);
	vnet_hw(nic)->hash_types = 0x12a;
	for (i = 0; i < 128; i++)
		nic->rss.table[i] = i % 7;
	fake_fill(nic->rss.key, 40, 9);
	for (entries = 1; entries <= 128; entries *= 2) {
		nic->rss.entries = entries;
		memset(bytes, 0, PAGE_SIZE);
		vctl_expect_rss(ctl, bytes, vctl_rss_bytes(bytes, entries));
	}
	vnet_hw(nic)->features &= ~BIT_ULL(VIRTIO_NET_F_RSS);
	nic->rss.entries = 0;
	bytes[1] = 2;
	memset(bytes + 6, 0, 8);
	bytes[14] = 40;
	fake_fill(bytes + 15, 40, 9);
	vctl_expect_rss(ctl, bytes, 55);
}

/* What the device is told of so many addresses beside its own: let all in? */
static void vctl_expect_promisc(struct fake_ctrl *ctl, u8 promisc)
{
	struct sluice_nic *nic = ctl->fake->nic;
	u32 first = ctl->commands;

	rtnl_lock();
	vnet_filter_start(nic);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(ctl->fake->test, ctl->commands, first + 3);
	fake_ctrl_expect_logged(ctl, first, (u8[]){ 0, 0, promisc }, 3);
	fake_ctrl_expect_logged(ctl, first + 1, (u8[]){ 0, 1, 0 }, 3);
}

/* The table takes 128; who has one address more is let in with all others. */
static void vctl_addresses_test(struct kunit *test)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);
	struct net_device *netdev = ctl->fake->netdev;
	struct vnet_hw *hw = vnet_hw(ctl->fake->nic);
	u8 addr[ETH_ALEN] = { 2 };

	hw->features &= ~(BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |
			  BIT_ULL(VIRTIO_NET_F_CTRL_VLAN));
	hw->features |= BIT_ULL(VIRTIO_NET_F_CTRL_RX);
	for (addr[5] = 1; addr[5] < 128; addr[5]++)
		KUNIT_ASSERT_EQ(test, dev_uc_add_excl(netdev, addr), 0);
	vctl_expect_promisc(ctl, 0);
	KUNIT_ASSERT_EQ(test, dev_uc_add_excl(netdev, addr), 0);
	vctl_expect_promisc(ctl, 1);
	dev_uc_flush(netdev);
	vctl_expect_promisc(ctl, 0);
}

static struct kunit_case vctl_cases[] = {
	KUNIT_CASE_PARAM(vctl_offload_test, vctl_mixed_gen_params),
	KUNIT_CASE_PARAM(vctl_command_test, vctl_mixed_gen_params),
	KUNIT_CASE_PARAM(vctl_wrap_test, vctl_mixed_gen_params),
	KUNIT_CASE_PARAM(vctl_refusal_test, vctl_mixed_gen_params),
	KUNIT_CASE_PARAM_ATTR(vctl_silence_test, vctl_mixed_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(vctl_length_test, vctl_mixed_gen_params),
	KUNIT_CASE_PARAM(vctl_rss_test, vctl_mixed_gen_params),
	KUNIT_CASE_PARAM(vctl_addresses_test, vctl_mixed_gen_params),
	{}
};

static struct kunit_suite vctl_suite = {
	.name		= "sluice_vnet_ctrl",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vctl_cases,
};

kunit_test_suite(vctl_suite);
