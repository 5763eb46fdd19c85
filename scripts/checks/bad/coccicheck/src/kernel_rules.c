// SPDX-License-Identifier: GPL-2.0-only
/* One for each directory of the kernel's rules. */

static int bad_api(struct sluice_nic *nic)
{
	nic->hw = kvzalloc(64, GFP_KERNEL);
	if (!nic->hw)
		return -ENOMEM;
	vfree(nic->hw);
	return 0;
}

static void bad_free(struct sluice_nic *nic)
{
	kfree(nic);
	nic->hw = NULL;
}

static void bad_iterator(struct list_head *head)
{
	struct sluice_nic *nic;

	list_for_each_entry(nic, head, list)
		if (nic)
			nic->gone = true;
}

static void bad_lock(struct sluice_nic *nic)
{
	spin_lock(&nic->dev_lock);
	nic->resets++;
	spin_lock(&nic->dev_lock);
}

static int bad_misc(struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG_MOD(extack, "ends with a line feed\n");
	return -EINVAL;
}

static int bad_null(struct sluice_nic *nic)
{
	nic->hw = kzalloc(64, GFP_KERNEL);
	if (IS_ERR(nic->hw))
		return PTR_ERR(nic->hw);
	return 0;
}

static long bad_test(void *one, void *other)
{
	if (IS_ERR(one))
		return PTR_ERR(other);
	return 0;
}

static bool good(u32 flags)
{
	return flags & BIT(0) || flags & BIT(1);
}
